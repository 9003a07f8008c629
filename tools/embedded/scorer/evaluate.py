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
from train import ROOT, SEED, own_examples

BASELINE_BUCKETS = 1 << 18
BASELINE_PENALTIES = (0.1, 0.3, 1.0)


def baselines(training: list[Example], texts: list[str]) -> dict[str, np.ndarray]:
    """By penalty: ridge on log-odds over hashed words, word pairs and character 2–5-grams, for several penalties."""
    words = HashingVectorizer(ngram_range=(1, 2), n_features=BASELINE_BUCKETS, alternate_sign=False)
    grams = HashingVectorizer(
        analyzer="char_wb", ngram_range=(2, 5), n_features=BASELINE_BUCKETS, alternate_sign=False
    )

    def features(some: list[str]):
        return hstack([words.transform(some), grams.transform(some)]).tocsr()

    targets = logit(score_matrix(training))
    intercept = targets.mean(axis=0)
    known, asked = features([e.text for e in training]), features(texts)
    return {
        f"baseline {penalty}": asked @ linear.ridge(known, targets - intercept, penalty, 150) + intercept
        for penalty in BASELINE_PENALTIES
    }


def measure(predicted: np.ndarray, scores: np.ndarray) -> dict[str, list[float]]:
    attributes = range(scores.shape[1])
    return {
        "auc": [float(roc_auc_score(scores[:, j] >= 0.5, predicted[:, j])) for j in attributes],
        "spearman": [float(spearmanr(scores[:, j], predicted[:, j])[0]) for j in attributes],
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
        parts = scorer.fit_parts(training + own_examples(training, SEED), SEED)
        net, straight = scorer.predict_parts(parts, texts)
        results = baselines([e for e in training if e.source == "rtp-5k"], texts)
        # The calibration stretches and shifts each attribute, which changes no rank.
        results |= {"linear part": straight, "network": net, "scorer": 0.5 * net + 0.5 * straight}
        for name, predicted in results.items():
            print(json.dumps({"fold": fold, "n": len(held), "name": name, **measure(predicted, scores)}), flush=True)


if __name__ == "__main__":
    main()
