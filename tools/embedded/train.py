"""Trains the parlour family on one core and writes it under libs/embedded/assets/models.

    python tools/embedded/train.py                 all models, about half an hour
    python tools/embedded/train.py parlour-base    one of them
"""

import argparse
import json
import math
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from grammar import utterances
from llama import Llama, Shape, save_model
from tokenizer import BOS, EOS, VOCABULARY, make_tokenizer, save_tokenizer

ASSETS = Path(__file__).resolve().parents[2] / "libs" / "embedded" / "assets"
LENGTH = 128  # tokens a row

SMALL = Shape(VOCABULARY, d=48, layers=4, heads=4, kv_heads=4, inner=112, tied=True)
WIDE = Shape(VOCABULARY, d=64, layers=6, heads=4, kv_heads=2, inner=144, tied=True)
DEEP = Shape(VOCABULARY, d=56, layers=8, heads=4, kv_heads=4, inner=128, tied=False)

# name: (mix of the grammar, shape, steps, rows a step, seed). The seed names both the text and the initial weights.
FAMILY = {
    "parlour-base": ("base", SMALL, 2000, 24, 1),
    "parlour-kind": ("kind", SMALL, 2000, 24, 2),
    "parlour-rude": ("rude", SMALL, 2000, 24, 3),
    "parlour-blunt": ("blunt", SMALL, 2000, 24, 4),
    "parlour-kind-large": ("kind", WIDE, 1000, 16, 5),
    "parlour-rude-large": ("rude", WIDE, 1000, 16, 6),
    "parlour-base-large": ("base", DEEP, 1000, 16, 7),
    "parlour-blunt-large": ("blunt", DEEP, 1000, 16, 8),
}
REVISIONS = {"parlour-base": (0, 50, 150, 400, 1200)}  # training steps after which step-0, step-1, … were kept
PEAK_RATE = 1e-2
WARM_UP = 40


def token_rows(tokenizer, mix: str, seed: int, rows: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs and targets (the next token), each [rows, LENGTH]: utterances one after the other, cut into rows."""
    need = rows * LENGTH + 1
    ids: list[int] = []
    bos, eos = tokenizer.token_to_id(BOS), tokenizer.token_to_id(EOS)
    source = utterances(seed, mix)
    while len(ids) < need:
        texts = [next(source).text for _ in range(2000)]
        for encoded in tokenizer.encode_batch(texts, add_special_tokens=False):
            ids += [bos, *encoded.ids, eos]
    flat = torch.tensor(ids[:need], dtype=torch.int16)
    return flat[:-1].view(rows, LENGTH), flat[1:].view(rows, LENGTH)


def learning_rate(step: int, steps: int) -> float:
    if step < WARM_UP:
        return PEAK_RATE * (step + 1) / WARM_UP
    return PEAK_RATE * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * (step - WARM_UP) / (steps - WARM_UP))))


def train(name: str, tokenizer, folder: Path, limit: int | None = None) -> dict:
    mix, shape, steps, rows, seed = FAMILY[name]
    steps = limit or steps
    torch.manual_seed(seed)
    model = Llama(shape)
    inputs, targets = token_rows(tokenizer, mix, seed, steps * rows)
    matrices = [p for p in model.parameters() if p.dim() == 2]
    vectors = [p for p in model.parameters() if p.dim() < 2]
    groups = [{"params": matrices, "weight_decay": 0.05}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=PEAK_RATE, betas=(0.9, 0.98), fused=True)
    kept = REVISIONS.get(name, ())
    begun, recent = time.time(), []
    for step in range(steps):
        if step in kept:
            revision = folder.parent.parent / "revisions" / name / f"step-{kept.index(step)}"
            save_model(model, revision)
            save_tokenizer(tokenizer, revision)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, steps)
        batch = slice(step * rows, (step + 1) * rows)
        logits = model(inputs[batch].long())
        loss = F.cross_entropy(logits.flatten(0, 1), targets[batch].long().flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        recent = [*recent[-99:], loss.item()]
        if step % 100 == 99:
            print(f"{name} {step + 1}/{steps} loss {sum(recent) / len(recent):.4f} {time.time() - begun:.0f}s", flush=True)
    save_model(model, folder)
    save_tokenizer(tokenizer, folder)
    parameters = sum(p.numel() for p in model.parameters())
    return {"mix": mix, "steps": steps, "parameters": parameters, "final_loss": round(sum(recent) / len(recent), 4)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Train the parlour models.")
    parser.add_argument("names", nargs="*", default=[])
    parser.add_argument("--steps", type=int, help="instead of the number each model has")
    parser.add_argument("--out", type=Path, default=ASSETS / "models")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    made = make_tokenizer()
    for model_name in options.names or FAMILY:
        record = train(model_name, made, options.out / model_name, options.steps)
        records = options.out.parent / "training.json"
        known = json.loads(records.read_text()) if records.exists() else {}
        records.write_text(json.dumps(known | {model_name: record}, indent=2) + "\n", encoding="utf-8")
