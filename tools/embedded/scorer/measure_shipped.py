"""Measures the scorer that ships on the rows that it was not trained on: quality, calibration, examples.

    python tools/embedded/scorer/measure_shipped.py
"""

import argparse
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from corpus import ATTRIBUTES, HELD_OUT_FOLD, perspective_examples, score_matrix, split
from reference import ROOT, SCORER, load, logits

RESAMPLES = 1000
BINS = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)


def interval(statistic, held_rows: np.ndarray, random: np.random.RandomState) -> tuple[float, float]:
    """95 % bootstrap interval over rows of the file: a row's prompt and continuation stay together."""
    distinct, group = np.unique(held_rows, return_inverse=True)
    members = [np.flatnonzero(group == g) for g in range(len(distinct))]
    found = []
    for _ in range(RESAMPLES):
        picked = random.randint(0, len(distinct), len(distinct))
        found.append(statistic(np.concatenate([members[g] for g in picked])))
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    options = parser.parse_args()
    model = load(SCORER)
    _, held = split(perspective_examples(options.data), HELD_OUT_FOLD)
    truth = score_matrix(held)
    ours = 1 / (1 + np.exp(-np.array([logits(model, e.text) for e in held])))
    rows = np.array([e.row for e in held])
    random = np.random.RandomState(0)
    print(f"{len(held)} texts of {len(set(rows))} rows")
    for j, name in enumerate(ATTRIBUTES):
        t, s = truth[:, j], ours[:, j]
        auc = roc_auc_score(t >= 0.5, s)
        auc_interval = interval(lambda i: roc_auc_score(t[i] >= 0.5, s[i]), rows, random)
        rank = spearmanr(t, s)[0]
        rank_interval = interval(lambda i: spearmanr(t[i], s[i])[0], rows, random)
        parts = [
            f"{roc_auc_score(t[m] >= 0.5, s[m]):.3f}"
            for m in (np.array([e.part == part for e in held]) for part in ("prompt", "continuation"))
        ]
        print(
            f"| {name} | {auc:.3f} ({auc_interval[0]:.3f}–{auc_interval[1]:.3f}) | {' / '.join(parts)} "
            f"| {rank:.3f} ({rank_interval[0]:.3f}–{rank_interval[1]:.3f}) | {np.abs(t - s).mean():.3f} "
            f"| {(t >= 0.5).mean():.3f} | {(s >= 0.5).mean():.3f} |"
        )
    for low, high in zip(BINS, BINS[1:], strict=False):
        cells = []
        for j in range(len(ATTRIBUTES)):
            here = (ours[:, j] >= low) & (ours[:, j] < high)
            cells.append(f"{truth[here, j].mean():.2f} ({here.sum()})")
        print(f"| {low}–{high} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
