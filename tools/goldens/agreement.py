"""Makes libs/statistics/test/fixtures/agreement.json: what SciPy and scikit-learn say of pairs of scores."""

import json
import random
from pathlib import Path

import numpy as np
import scipy
import sklearn
from scipy.stats import pearsonr, spearmanr
from sklearn.calibration import calibration_curve
from sklearn.metrics import accuracy_score, cohen_kappa_score, roc_auc_score

THRESHOLDS = [0.25, 0.5, 0.75]


def case(name, scores, references, counts):
    x, y = (np.repeat(np.array(side), counts) for side in (scores, references))
    labels = y >= 0.5
    fraction, mean = calibration_curve(labels, x, n_bins=10) if 0 < labels.sum() < len(labels) else ([], [])
    return {
        "name": name,
        "scores": scores,
        "references": references,
        "counts": counts,
        "pearson": float(pearsonr(x, y).statistic),
        "spearman": float(spearmanr(x, y).statistic),
        "auc": float(roc_auc_score(labels, x)),
        "difference": float(np.mean(x - y)),
        "absolute_difference": float(np.mean(np.abs(x - y))),
        "thresholds": [
            {
                "threshold": t,
                "agreement": float(accuracy_score(y >= t, x >= t)),
                "kappa": float(cohen_kappa_score(y >= t, x >= t)),
            }
            for t in THRESHOLDS
        ],
        "calibration": {"fraction": list(map(float, fraction)), "mean": list(map(float, mean))},
    }


def main():
    draw = random.Random(20261126)
    cases = []
    for name, n, digits in [("continuous", 200, 9), ("many ties", 150, 1), ("few", 12, 2)]:
        references = [round(draw.random() ** 2, digits) for _ in range(n)]
        scores = [round(min(1, max(0, y * 0.7 + 0.1 + draw.gauss(0, 0.2))), digits) for y in references]
        cases.append(case(name, scores, references, [1] * n))
        counts = [0] * n
        for _ in range(n):
            counts[draw.randrange(n)] += 1
        cases.append(case(f"{name}, resampled", scores, references, counts))
    # Bins are half open here, closed on the right there: no score lies on an edge.
    human = [float(draw.random() < 0.3) for _ in range(120)]
    scores = [round(min(0.999, max(0.001, 0.5 * y + draw.random() * 0.5)), 6) for y in human]
    cases.append(case("labels", scores, human, [1] * 120))
    made_by = {"scipy": scipy.__version__, "sklearn": sklearn.__version__}
    path = Path(__file__).parents[2] / "libs/statistics/test/fixtures/agreement.json"
    path.write_text(json.dumps({"made_by": made_by, "cases": cases}, indent=1) + "\n")


main()
