"""Writes libs/engine/test/generation-config.json: what transformers' generate makes of generation_config.json.

The checkpoint is that of the golden `llama-odd`, made anew from its numbers; decoding is greedy. A case is a
generation_config.json (null: none) and fields of config.json; a row is a prompt in tokens and the tokens that follow.
"""

import json
import tempfile
from pathlib import Path

import torch
import transformers
from models import CASES, IDS, OUT, SIZES, fill

NAME = "llama-odd"
PROMPTS = [IDS, [256, *b"a bird, a bird"], [256, *b"x"]]
LENGTH = 14


def checkpoint(folder: Path) -> transformers.PreTrainedModel:
    changes = next(changes for name, _, changes, _ in CASES if name == NAME)
    model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**{**SIZES, **changes})).eval()
    fill(model, list(model.state_dict()), 1, 0.6)
    model.save_pretrained(folder)
    return model


def continued(folder: Path, asked: dict | None, fields: dict) -> list[list[int]]:
    (folder / "generation_config.json").unlink(missing_ok=True)
    if asked is not None:
        (folder / "generation_config.json").write_text(json.dumps(asked))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **fields}))
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager")
    (folder / "config.json").write_text(json.dumps(config))
    return [
        model.generate(
            torch.tensor([ids]), attention_mask=torch.ones(1, len(ids)), do_sample=False, max_new_tokens=LENGTH
        )[0, len(ids) :].tolist()
        for ids in PROMPTS
    ]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        checkpoint(folder)
        free = continued(folder, {}, {})
        (first, second, third, fourth), other = free[0][:4], free[1]
        ends = {"eos_token_id": [third, other[4]]}
        asked = [
            ("nothing", {}, {}),
            ("several ends", ends, {}),
            ("ends in config.json alone", None, {"eos_token_id": third}),
            ("a file that names no end beside them", {}, {"eos_token_id": third}),
            ("repetition_penalty", {**ends, "repetition_penalty": 1.4}, {}),
            ("no_repeat_ngram_size of one", {"no_repeat_ngram_size": 1}, {}),
            ("no_repeat_ngram_size", {"no_repeat_ngram_size": 2}, {}),
            ("min_new_tokens", {**ends, "min_new_tokens": 7}, {}),
            ("suppress_tokens", {"suppress_tokens": [first, third, 300]}, {}),
            ("begin_suppress_tokens", {"begin_suppress_tokens": [first, other[0]]}, {}),
            ("bad_words_ids", {**ends, "bad_words_ids": [[second], [first, fourth], [third], [99, 98, 97, 96]]}, {}),
            ("bad words that begin in the prompt", {"bad_words_ids": [[IDS[-1], first], [ord("x"), free[2][0]]]}, {}),
            (
                "all of them",
                {
                    **ends,
                    "repetition_penalty": 1.2,
                    "no_repeat_ngram_size": 2,
                    "min_new_tokens": 5,
                    "suppress_tokens": [first],
                    "begin_suppress_tokens": [second],
                    "bad_words_ids": [[fourth]],
                },
                {},
            ),
            ("settings in config.json alone", None, {"repetition_penalty": 1.4, "no_repeat_ngram_size": 2}),
            ("settings beside those in config.json", {"no_repeat_ngram_size": 2}, {"repetition_penalty": 1.4}),
        ]
        cases = [{"name": n, "file": g, "config": c, "tokens": continued(folder, g, c)} for n, g, c in asked]
    source = f"transformers {transformers.__version__}, torch {torch.__version__.split('+')[0]}"
    made = {"source": source, "golden": NAME, "prompts": PROMPTS, "length": LENGTH, "cases": cases}
    (OUT.parent / "generation-config.json").write_text(json.dumps(made) + "\n")
    for case in cases:
        print(case["name"], case["tokens"])
