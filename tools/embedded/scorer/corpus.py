"""Texts with Perspective scores, and how they are split."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).resolve().parent.parent))

ATTRIBUTES = ("TOXICITY", "PROFANITY", "THREAT", "SEXUALLY_EXPLICIT", "IDENTITY_ATTACK", "INSULT")
FOLDS = 5
HELD_OUT_FOLD = 4  # the fold that the shipped scorer never saw


@dataclass(frozen=True)
class Example:
    text: str
    scores: tuple[float, ...]  # in the order of ATTRIBUTES
    source: str  # rtp-5k, rtp-toxic-2k or parlour
    row: int  # of the source's file, from 0
    part: str  # prompt or continuation


def same_text(text: str) -> str:
    """Texts with equal values of this count as one text when training and held-out texts are kept apart."""
    return " ".join(text.lower().split())


def perspective_examples(folder: Path) -> list[Example]:
    """All scored prompts and continuations of both files; a row without scores is left out."""
    found = []
    for source in ("rtp-5k", "rtp-toxic-2k"):
        with open(folder / "rtp" / f"{source}.jsonl", encoding="utf-8") as lines:
            for row, line in enumerate(lines):
                record = json.loads(line)
                for part in ("prompt", "continuation"):
                    scores = [record[part].get(name.lower()) for name in ATTRIBUTES]
                    if None not in scores:
                        found.append(Example(record[part]["text"], tuple(scores), source, row, part))
    return found


def split(examples: list[Example], fold: int) -> tuple[list[Example], list[Example]]:
    """Training and held-out examples: every fifth row of rtp-5k is held out, with both its texts.

    No training example has a text that is also held out, whichever file it comes from.
    """
    held = [e for e in examples if e.source == "rtp-5k" and e.row % FOLDS == fold]
    texts = {same_text(e.text) for e in held}
    rest = [
        e
        for e in examples
        if not (e.source == "rtp-5k" and e.row % FOLDS == fold) and same_text(e.text) not in texts
    ]
    return rest, held


def parlour_examples(seed: int, count: int, lowest: np.ndarray) -> list[Example]:
    """Texts of our own grammar with the scores that they are meant to have: from `lowest` [6] up to 0.95."""
    from grammar import labelled

    return [
        Example(
            text,
            tuple(low + (0.95 - low) * labels[name] for name, low in zip(ATTRIBUTES, lowest, strict=True)),
            "parlour",
            row,
            "prompt",
        )
        for row, (text, labels) in enumerate(labelled(seed, count))
    ]


def score_matrix(examples: list[Example]) -> np.ndarray:
    """[n, 6] float64."""
    return np.array([e.scores for e in examples], dtype=np.float64)


def logit(scores: np.ndarray) -> np.ndarray:
    """Log-odds of scores, which are first brought into [0.01, 0.99]."""
    bounded = np.clip(scores, 0.01, 0.99)
    return np.log(bounded / (1 - bounded))
