"""Makes the embedded toxicity scorer: `python tools/embedded/scorer/train.py` from the repository's root.

Reads RealToxicityPrompts rows from --data, writes the scorer's files to --out. About five minutes on one core.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

import scorer
from corpus import HELD_OUT_FOLD, Example, parlour_examples, perspective_examples, score_matrix, split

ROOT = Path(__file__).resolve().parents[3]
PARLOUR_TEXTS = 3000
SEED = 3


def own_examples(training: list[Example], seed: int) -> list[Example]:
    """Texts of our grammar; their lowest scores are those that Perspective gives to its calmest fifth."""
    lowest = np.quantile(score_matrix([e for e in training if e.source == "rtp-5k"]), 0.2, axis=0)
    return parlour_examples(seed, PARLOUR_TEXTS, lowest)


def train_scorer(training: list[Example], seed: int) -> tuple[scorer.Parts, scorer.Mixture]:
    """The parts, fitted to all training examples, and a calibration from a fifth of them that it was not fitted to."""
    own = own_examples(training, seed)
    aside = np.array([(e.row * 7 + len(e.source)) % 5 == 0 for e in training])
    first = scorer.fit_parts([e for e, a in zip(training, aside, strict=True) if not a] + own, seed)
    # Calibrated on rows drawn like the held-out ones; the other file holds toxic prompts only.
    rest = [e for e, a in zip(training, aside, strict=True) if a and e.source == "rtp-5k"]
    mixture = scorer.calibrate(*scorer.predict_parts(first, [e.text for e in rest]), score_matrix(rest))
    return scorer.fit_parts(training + own, seed), mixture


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--out", type=Path, default=ROOT / "libs" / "embedded" / "assets" / "scorers" / "toxicity")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    training, _ = split(perspective_examples(options.data), HELD_OUT_FOLD)
    parts, mixture = train_scorer(training, SEED)
    scorer.write(options.out, parts, mixture)
    print(f"{options.out}: trained on {len(training)} scored texts and {PARLOUR_TEXTS} of the grammar")


if __name__ == "__main__":
    main()
