"""Measures scorer and baseline on rows that neither was trained on.

    python tools/embedded/scorer/evaluate.py            each of the five folds: trains both on the other rows
    python tools/embedded/scorer/evaluate.py --fold 4   one fold
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from scipy.sparse import hstack
from scipy.stats import spearmanr
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.metrics import roc_auc_score

import linear
import scorer
from corpus import FOLDS, Example, logit, perspective_examples, score_matrix, split
from train import ROOT, SEED, train_scorer

BASELINE_BUCKETS = 1 << 18
BASELINE_PENALTY = 0.3


def baseline(training: list[Example], texts: list[str]) -> np.ndarray:
    """Ridge on log-odds over hashed words, word pairs and character 2–5-grams; the best of the penalties tried."""
    words = HashingVectorizer(ngram_range=(1, 2), n_features=BASELINE_BUCKETS, alternate_sign=False)
    grams = HashingVectorizer(
        analyzer="char_wb", ngram_range=(2, 5), n_features=BASELINE_BUCKETS, alternate_sign=False
    )

    def features(some: list[str]):
        return hstack([words.transform(some), grams.transform(some)]).tocsr()

    targets = logit(score_matrix(training))
    intercept = targets.mean(axis=0)
    weights = linear.ridge(features([e.text for e in training]), targets - intercept, BASELINE_PENALTY, 200)
    return features(texts) @ weights + intercept


def measure(predicted: np.ndarray, scores: np.ndarray) -> dict[str, list[float]]:
    attributes = range(scores.shape[1])
    return {
        "auc": [float(roc_auc_score(scores[:, j] >= 0.5, predicted[:, j])) for j in attributes],
        "spearman": [float(spearmanr(scores[:, j], predicted[:, j])[0]) for j in attributes],
        "share": [float((predicted[:, j] >= 0).mean()) for j in attributes],
        "true_share": [float((scores[:, j] >= 0.5).mean()) for j in attributes],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--fold", type=int, choices=range(FOLDS))
    options = parser.parse_args()
    torch.set_num_threads(1)
    examples = perspective_examples(options.data)
    for fold in range(FOLDS) if options.fold is None else [options.fold]:
        training, held = split(examples, fold)
        texts, scores = [e.text for e in held], score_matrix(held)
        parts, mixture = train_scorer(training, SEED)
        net, straight = scorer.predict_parts(parts, texts)
        mixed = net * mixture.net_share + straight * mixture.linear_share + mixture.offset
        same_rows = [e for e in training if e.source == "rtp-5k"]
        results = {
            "baseline, rtp-5k rows": baseline(same_rows, texts),
            "baseline, all rows": baseline(training, texts),
            "linear part": straight,
            "network": net,
            "scorer": mixed,
        }
        for name, predicted in results.items():
            print(json.dumps({"fold": fold, "n": len(held), "name": name, **measure(predicted, scores)}), flush=True)


if __name__ == "__main__":
    main()
