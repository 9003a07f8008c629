"""Writes libs/scoring/test/goldens/judge.json: what transformers makes of a judge's questions, answer by answer."""

import json
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

ROOT = Path(__file__).resolve().parents[2]
MODEL = "parlour-base"
CHAT = "{{ bos_token }}{% for m in messages %}[{{ m.role }}] {{ m.content | trim }}\n{% endfor %}[assistant]"
"""Given to the model by the test as well: what ships has no chat template."""

TEXTS = [
    "The neighbour said good morning.",
    "You are an idiot, and your brother is a fool",
    "x",
    "A rose 🌹 — and a question: who asked? ",
    "The cook told the visitor that the soup was cold, the bread was old and the tea was weak. " * 4,
]
CASES = [
    {"template": "{text}\nWas that polite?", "answers": {" yes": 1, " no": 0}, "system": None, "chat": False},
    {"template": "{text} He said it was", "answers": {" good": 1, " a bad day": 0, " a bad word": 0}, "system": None, "chat": False},
    {
        "template": "How rude is “{text}”, from 1 to 5?",
        "answers": {"1": 0, "2": 0.25, "3": 0.5, "4": 0.75, "5": 1},
        "system": "You judge texts.",
        "chat": True,
    },
    {"template": "{text} {text}", "answers": {" the old man": 1, " a": 3.5, "!": -2}, "system": "S", "chat": False},
]


def logprob(model, prompt, answer):
    """The sum of the log-probabilities of an answer's tokens, read alone and without a cache."""
    with torch.no_grad():
        logits = model(torch.tensor([prompt + answer])).logits[0].double()
    rows = torch.log_softmax(logits, -1)
    return sum(rows[len(prompt) - 1 + t, token].item() for t, token in enumerate(answer))


def render(tokenizer, case, text):
    content = case["template"].replace("{text}", text)
    system = case["system"]
    if not case["chat"]:
        return tokenizer(content if system is None else f"{system}\n{content}")["input_ids"]
    turns = [{"role": "user", "content": content}]
    if system is not None:
        turns.insert(0, {"role": "system", "content": system})
    rendered = tokenizer.apply_chat_template(turns, chat_template=CHAT, tokenize=False, add_generation_prompt=True)
    return tokenizer(rendered, add_special_tokens=False)["input_ids"]


folder = ROOT / "libs/embedded/assets/models" / MODEL
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
cases = []
for case in CASES:
    tokens = {name: tokenizer(name, add_special_tokens=False)["input_ids"] for name in case["answers"]}
    rows = []
    for text in TEXTS:
        prompt = render(tokenizer, case, text)
        found = torch.tensor([logprob(model, prompt, ids) for ids in tokens.values()], dtype=torch.float64)
        weights = torch.softmax(found, 0)
        value = sum(w.item() * v for w, v in zip(weights, case["answers"].values()))
        rows.append({"text": text, "tokens": len(prompt), "logprobs": found.tolist(), "score": value})
    cases.append({**case, "tokens": tokens, "rows": rows})
out = ROOT / "libs/scoring/test/goldens/judge.json"
out.parent.mkdir(exist_ok=True)
out.write_text(json.dumps({"model": MODEL, "chat_template": CHAT, "cases": cases}, ensure_ascii=False, indent=1) + "\n")
