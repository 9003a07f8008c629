#!/usr/bin/env bash
# What Sonde does on this machine's GPU: see docs/how-to/measure-a-gpu.md.
set -euo pipefail
cd "$(dirname "$0")/../.."

usage() {
  cat <<'USAGE'
tools/bench/gpu.sh [OPTIONS]: tests and measures Sonde on a GPU, without a network, and prints one table.
  --packages FOLDER   wheels brought along: onnxruntime_gpu, nvidia_*, torch, transformers and what they need
  --provider NAME     cuda, webgpu or cpu (cuda); cpu is for trying the script
  --python PATH       a Python with torch and transformers, in the place of one made of the wheels; - for none: no peer
  --shapes LIST       shapes to generate and capture with (pythia-160m,smollm2-135m,llama-2-7b)
  --out FOLDER        where the table and all that was printed are kept (gpu-results)
USAGE
}

packages= provider=cuda python= shapes=pythia-160m,smollm2-135m,llama-2-7b out=gpu-results
while [ $# -gt 0 ]; do
  case $1 in
    --packages) packages=$(realpath "$2") ;;
    --provider) provider=$2 ;;
    --python) python=$2 ;;
    --shapes) shapes=$2 ;;
    --out) out=$2 ;;
    --help) usage; exit 0 ;;
    *) usage >&2; echo "there is no option $1" >&2; exit 2 ;;
  esac
  shift 2
done
case $provider in cuda | webgpu | cpu) ;; *) echo "there is no provider $provider: cuda, webgpu or cpu" >&2; exit 2 ;; esac
[ -d node_modules ] || { echo "npm ci comes first, where there is a network; bring node_modules along" >&2; exit 2; }
mkdir -p "$out"
out=$(realpath "$out")
kept=$out/packages
table=$out/table.md
log=$out/log.txt
: > "$log"
failed=0

wheels() { find "$packages" -name "$1" 2>/dev/null | sort; }
unpack() { if command -v unzip > /dev/null; then unzip -qo "$1" -d "$2"; else python3 -m zipfile -e "$1" "$2"; fi; }

# ONNX Runtime's CUDA provider, of the version of onnxruntime-node, beside its binary.
version=$(node -p "require('onnxruntime-node/package.json').version")
beside=node_modules/onnxruntime-node/bin/napi-v6/linux/x64
if [ "$provider" = cuda ] && [ ! -e "$beside/libonnxruntime_providers_cuda.so" ]; then
  wheel=$(wheels "onnxruntime_gpu-$version-*.whl" | head -1)
  [ -n "$wheel" ] || { echo "neither $beside nor --packages has the CUDA provider: onnxruntime_gpu-$version-….whl" >&2; exit 2; }
  mkdir -p "$kept/onnxruntime"
  unpack "$wheel" "$kept/onnxruntime"
  cp "$kept"/onnxruntime/onnxruntime/capi/libonnxruntime_providers_{cuda,shared}.so "$beside/"
fi
# NVIDIA's libraries: cuBLAS, cuRAND, cuFFT, cudart, NVRTC, cuDNN.
if [ -n "$packages" ]; then
  for wheel in $(wheels 'nvidia_*.whl'); do
    into=$kept/nvidia/$(basename "$wheel" .whl)
    [ -d "$into" ] || { mkdir -p "$into" && unpack "$wheel" "$into"; }
  done
  libraries=$(find "$kept/nvidia" -name 'lib*.so*' -printf '%h\n' 2>/dev/null | sort -u | paste -sd:)
  export LD_LIBRARY_PATH=$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
fi
# The peer's Python.
if [ -z "$python" ] && [ -n "$packages" ] && [ -n "$(wheels 'torch-*.whl')" ]; then
  python=$kept/python/bin/python
  [ -x "$python" ] || { python3 -m venv "$kept/python" && "$python" -m pip install --quiet --no-index --find-links "$packages" torch transformers; }
fi
[ "$python" = - ] && python=

say() { echo "$*" | tee -a "$log" >&2; }
row() { echo "$1" | tee -a "$table"; }

# NAME COMMAND…: runs it, and adds a line for each JSON object that it prints; a failure is a line, and the rest goes on.
measure() {
  local name=$1 printed
  shift
  say "$name: $*"
  if ! printed=$("$@" 2> >(tee -a "$log" >&2)); then
    failed=1
    row "| $name | failed: see $(basename "$log") |"
    return
  fi
  echo "$printed" >> "$log"
  echo "$printed" | node -e '
    const lines = require("node:fs").readFileSync(0, "utf8").split("\n").filter((line) => line.startsWith("{"));
    for (const line of lines) {
      const { benchmark, ...found } = JSON.parse(line);
      const words = Object.entries(found).map(([key, value]) =>
        typeof value === "object" ? `${key} ${value.per_second}/s, ${value.peak_mb} MB` : `${key} ${value}`);
      console.log(`| ${process.argv[1]} | ${words.join("; ")} |`);
    }' "$name" | tee -a "$table"
}

# NAME FILE…: the counts of the runner's own report.
tests() {
  local name=$1 report=$out/tests.json
  shift
  say "$name: $*"
  if [ "$provider" = cpu ]; then say "(the device tests skip: the CPU is what devices are held to)"; fi
  npx vitest run "$@" --reporter=json --outputFile="$report" >> "$log" 2>&1 || failed=1
  row "| $name | $(node -e '
    const { numPassedTests: passed, numFailedTests: failed, numPendingTests: skipped } = require(process.argv[1]);
    console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);' "$report") |"
}

{
  echo "# Sonde on $provider, $(date -I)"
  echo
  echo "$(nvidia-smi --query-gpu=name,memory.total,driver_version --format=csv,noheader 2>/dev/null | paste -sd';' || true)" \
    "· $(nproc) CPUs · Node $(node --version) · onnxruntime-node $version · $(git describe --always --dirty 2>/dev/null || echo '')"
  echo
  echo '| what | found |'
  echo '| --- | --- |'
} | tee "$table"

node tools/cli/bin/sonde.js doctor >> "$log" 2>&1 || true
tests 'device tests' libs/engine/test/devices.test.ts
bench() { npx tsx tools/bench/main.ts "$@"; }
measure precision bench precision --device "$provider"
if [ -n "$python" ]; then
  case $provider in cuda) types=(float32 float16 bfloat16) ;; webgpu) types=(float32 float16) ;; *) types=(float32) ;; esac
  for shape in ${shapes//,/ }; do
    for type in "${types[@]}"; do
      # 7 billion numbers in float32 and what transformers adds to them are more than most cards hold.
      if [ "$shape" = llama-2-7b ] && [ "$type" = float32 ]; then continue; fi
      common=(--python "$python" --shapes "$shape" --device "$provider" --compute "$type")
      measure "generation, $type" bench generation "${common[@]}" --prompts 32 --samples 25 --tokens 20
      measure "capture, $type" bench capture "${common[@]}" --batches 20
    done
  done
else
  row '| generation and capture | not measured: no Python with torch and transformers (--packages or --python) |'
fi
echo "the table: $table" >&2
exit $failed
