"""Writes the parlour prompts, without scores: 2,000 first halves of utterances that no model was trained on.

    python tools/embedded/prompts.py && npx tsx tools/embedded/score-prompts.ts
"""

import json

from grammar import first_half, utterances
from train import ASSETS

COUNT = 2000
SEED = 900  # of no model, nor of the tokenizer or the scorer

if __name__ == "__main__":
    rows, seen = [], set()
    for utterance in utterances(SEED, "even"):
        cut = first_half(utterance)
        text = utterance.text[:cut]
        if cut < len(utterance.text) and len(text.split()) >= 5 and text not in seen:
            seen.add(text)
            rows.append({
                "topic": utterance.topic,
                "register": utterance.registers[0],
                "prompt": {"text": text},
            })
        if len(rows) == COUNT:
            break
    file = ASSETS / "prompts" / "parlour-prompts.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n" for row in rows))
