"""The scorer in a few lines of numpy, straight from its description: the reference that the TypeScript is tested with.

    python tools/embedded/scorer/reference.py     writes libs/scoring/test/fixtures/scores.json
"""

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from features import tokens, word_hashes

ROOT = Path(__file__).resolve().parents[3]
SCORER = ROOT / "libs/embedded/assets/scorers/toxicity"
SENTENCES = [
    "Good morning, how are you today?",
    "Thank you so much for your help, it was a lovely evening.",
    "The train to the harbour leaves at half past nine.",
    "I do not agree with you about the garden fence.",
    "You are an idiot and everybody knows it.",
    "Shut up, you stupid, useless fool!",
    "I will break your legs if you come back here.",
    "I am going to kill you.",
    "This soup is damn good.",
    "What a crappy day, the bloody bus was late again.",
    "They should all go back to where they came from, those dirty foreigners.",
    "She kissed him and they went to bed naked.",
    "YOU ARE A PATHETIC LIAR",
    "you are a pathetic liar",
    "nice",
    "?",
    "\U0001f600\U0001f600\U0001f600",
    "Das Wetter ist heute sehr schön.",
    "今日はいい天気ですね。",
]


def load(folder: Path) -> dict:
    model = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    for part in ("token-embeddings", "ngram-embeddings", "token-weights", "ngram-weights", "network"):
        model.update({name: value.astype(np.float64) for name, value in load_file(folder / f"{part}.safetensors").items()})
    return model


def logits(model: dict, text: str) -> np.ndarray | None:
    """[6], or None for a text without tokens."""
    found = tokens(text)
    if not found:
        return None
    hashed = [word_hashes(units) for units, _ in found]
    embeddings = []
    for (word, grams), (_, capitals) in zip(hashed, found, strict=True):
        rows = model["token.embedding"]
        embedding = rows[word % len(rows)] * model["token.embedding.scale"]
        if grams:
            rows = model["ngram.embedding"]
            embedding = embedding + rows[[g % len(rows) for g in grams]].mean(axis=0) * model["ngram.embedding.scale"]
        embeddings.append(embedding + capitals * model["capitals.embedding"])
    width = len(model["window.weight"])
    padding = np.zeros((width // 2, len(embeddings[0])))
    padded = np.concatenate([padding, embeddings, padding])
    hidden = np.array([
        np.maximum(np.einsum("wd,wdh->h", padded[i : i + width], model["window.weight"]) + model["window.bias"], 0)
        for i in range(len(found))
    ])
    pooled = np.concatenate([hidden.max(axis=0), hidden.sum(axis=0) / (len(found) + model["mean_offset"])])
    result = pooled @ model["output.weight"] + model["output.bias"]
    for name, some in (("token", [w for w, _ in hashed]), ("ngram", [g for _, grams in hashed for g in grams])):
        if some:
            rows = model[f"{name}.weight"]
            total = rows[[h % len(rows) for h in some]].sum(axis=0)
            result = result + total * model[f"{name}.weight.scale"] / np.sqrt(len(some))
    return result


def main() -> None:
    model = load(SCORER)
    found = [{"text": text, "scores": (1 / (1 + np.exp(-logits(model, text)))).round(6).tolist()} for text in SENTENCES]
    lines = ",\n".join(json.dumps(item) for item in found)
    (ROOT / "libs/scoring/test/fixtures/scores.json").write_text(f"[\n{lines}\n]\n", encoding="ascii")


if __name__ == "__main__":
    main()
