#!/usr/bin/env bash
# Makes the embedded models, the adapter and the prompts again, and prints the table of docs/embedded-models.md.
# Needs what requirements.txt lists (PYTHON names the interpreter), `npm ci`, and the scorer's assets.
set -euo pipefail
cd "$(dirname "$0")/../.."
python=${PYTHON:-python3}
export OMP_NUM_THREADS=1
"$python" tools/embedded/train.py
"$python" tools/embedded/adapter.py
"$python" tools/embedded/prompts.py
npx tsx tools/embedded/score-prompts.ts
"$python" tools/embedded/measure.py
