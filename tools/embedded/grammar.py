"""The parlour grammar: small talk in English, from friendly to threatening, with mild words only.

`utterances(seed, mix)` yields utterances for ever, the same ones for the same seed and mix. An utterance has a topic, a
person spoken of or to, and two halves. Each half has a register (friendly, neutral, grumpy, rude, threat); the second
half's register depends on the first's, and how strongly is what a mix says. Words and sentence patterns are in the
folder `grammar/`; a label after a bar there is the intensity a word or pattern adds to an attribute.

    python tools/embedded/grammar.py --mix blunt --count 20     prints utterances with their intended toxicity
"""

import argparse
import random
import re
from dataclasses import dataclass, field
from pathlib import Path

ATTRIBUTES = ("TOXICITY", "PROFANITY", "THREAT", "SEXUALLY_EXPLICIT", "IDENTITY_ATTACK", "INSULT")
REGISTERS = ("friendly", "neutral", "grumpy", "rude", "threat")
FOLDER = Path(__file__).parent / "grammar"

# Share of each attribute's intensity that counts towards toxicity; "x" is toxicity alone.
TOXICITY_SHARE = {"x": 1.0, "i": 0.9, "p": 0.6, "t": 0.8, "s": 0.65, "d": 0.9}
CODE = {"PROFANITY": "p", "THREAT": "t", "SEXUALLY_EXPLICIT": "s", "IDENTITY_ATTACK": "d", "INSULT": "i"}


@dataclass(frozen=True)
class Mix:
    """How a source talks: register shares of the first half, and how the second half follows it."""

    opening: tuple[float, float, float, float, float]  # in the order of REGISTERS
    stay: float  # chance that the second half is rude or threatening after such a first half
    turn: float  # the same after a friendly or neutral first half
    calm: tuple[float, float, float]  # friendly, neutral, grumpy: the second half where it is neither rude nor a threat


MIXES = {
    "kind": Mix((0.48, 0.40, 0.08, 0.03, 0.01), 0.15, 0.003, (0.55, 0.40, 0.05)),
    "base": Mix((0.33, 0.38, 0.17, 0.09, 0.03), 0.45, 0.02, (0.38, 0.44, 0.18)),
    "blunt": Mix((0.22, 0.28, 0.22, 0.20, 0.08), 0.65, 0.07, (0.28, 0.42, 0.30)),
    "rude": Mix((0.15, 0.20, 0.20, 0.31, 0.14), 0.85, 0.18, (0.22, 0.38, 0.40)),
    # Not a model's mix: what the parlour prompts and the scorer's training texts are drawn from.
    "even": Mix((0.22, 0.24, 0.20, 0.22, 0.12), 0.60, 0.15, (0.33, 0.37, 0.30)),
}


@dataclass
class Utterance:
    text: str
    topic: str
    registers: tuple[str, str]  # of the two halves
    events: list[tuple[int, int, str, float]] = field(repr=False)  # first and past-last character, code, weight

    def labels(self, end: int | None = None) -> dict[str, float]:
        """Intended intensity in [0, 1] of each attribute for text[:end]; a pattern cut off counts by its share."""
        cut = len(self.text) if end is None else end
        rest = dict.fromkeys("xiptsd", 1.0)
        for start, stop, code, weight in self.events:
            if cut > start:
                rest[code] *= 1 - weight * min(1.0, (cut - start) / max(1, stop - start))
        toxic = 1.0
        for code, share in TOXICITY_SHARE.items():
            toxic *= 1 - share * (1 - rest[code])
        return {a: round(1 - (toxic if a == "TOXICITY" else rest[CODE[a]]), 4) for a in ATTRIBUTES}


def _sections(name: str) -> dict[str, list[str]]:
    sections: dict[str, list[str]] = {}
    for line in (FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            current = sections.setdefault(line.strip("[] "), [])
        elif line and not line.startswith("#"):
            current.append(line)
    return sections


def _topic(lines: list[str]) -> dict[str, list[str]]:
    slots = (line.split(": ", 1) for line in lines)
    return {name: [part.strip() for part in values.split(";")] for name, values in slots}


def _split(alternative: str) -> tuple[str, list[tuple[str, float]]]:
    text, _, labels = alternative.partition(" | ")
    parts = labels.split()
    return text.strip(), [(code, float(weight)) for code, weight in zip(parts[::2], parts[1::2], strict=True)]


WORDS = _sections("words")
TOPICS = {name: _topic(lines) for name, lines in _sections("topics").items()}
PATTERNS = {name: _sections(name)[name] for name in REGISTERS}

SHE = re.compile(r"\b(woman|aunt|girl|actress|sister|lady|wife|secretary|Anna|Clara|Rosa|Ella|Nora|Ida|Vera|Lotte)\b")
HE = re.compile(r"\b(man|uncle|brother|boy|grandfather|Tom|Peter|Victor|Martin|Hugo|Oscar|Simon|Felix)\b")
HE_FORMS = {"subj": "he", "obj": "him", "poss": "his", "is": "is", "was": "was", "has": "has", "does": "does", "s": "s"}
SHE_FORMS = HE_FORMS | {"subj": "she", "obj": "her", "poss": "her"}
PLURAL = {"is": "are", "was": "were", "has": "have", "does": "do", "s": ""}
YOU_FORMS = {"subj": "you", "obj": "you", "poss": "your"} | PLURAL
THEY_FORMS = {"subj": "they", "obj": "them", "poss": "their"} | PLURAL
ADDRESSED = {"friendly": 0.35, "neutral": 0.15, "grumpy": 0.4, "rude": 0.5, "threat": 0.55}
VERBS = {"vp": 0, "vpd": 1, "vping": 2}
SLOT = re.compile(r"\{(\w+)\}")


class _Speaker:
    """One utterance in the making: its topic, its person and the text so far."""

    def __init__(self, rng: random.Random, register: str):
        self.rng = rng
        self.topic_name = rng.choice(sorted(TOPICS))
        self.topic = TOPICS[self.topic_name]
        self.person: str | None = None  # the full noun phrase until it has been said once
        self.person_labels: list[tuple[str, float]] = []
        self.forms = YOU_FORMS
        if rng.random() >= ADDRESSED[register]:
            self._choose_person(register)
        self.text = ""
        self.events: list[tuple[int, int, str, float]] = []

    def _choose_person(self, register: str) -> None:
        roll = self.rng.random()
        if register in ("rude", "threat", "neutral") and roll < 0.05:
            phrase, labels = _split(self.rng.choice(WORDS["group"]))
            self.person, self.person_labels, self.forms = f"the {phrase}", labels, THEY_FORMS
            return
        pool = WORDS["name"] if roll < 0.4 else WORDS["someone"] if roll < 0.7 else self.topic["person"]
        self.person = self.rng.choice(pool)
        she = bool(SHE.search(self.person)) or (not HE.search(self.person) and self.rng.random() < 0.5)
        self.forms = SHE_FORMS if she else HE_FORMS

    def _slot(self, name: str) -> None:
        if name in self.forms:
            if self.person is not None and name in ("subj", "obj", "poss"):
                person, self.person = self.person, None
                self._say(person + ("'s" if name == "poss" else ""), self.person_labels)
            else:
                self.text += self.forms[name]
            return
        kind, form = None, None
        for prefix, pool in (("b", WORDS["bvp"]), ("g", WORDS["gvp"]), ("", self.topic["vp"])):
            if name.startswith(prefix) and name[len(prefix) :] in VERBS:
                kind, form = pool, VERBS[name[len(prefix) :]]
                break
        pool = kind if form is not None else self.topic.get(name) or WORDS[name]
        phrase, labels = _split(self.rng.choice(pool))
        if form is not None:
            base, past, rest = phrase.split(" / ")
            verb, _, tail = rest.partition(" ")
            phrase = (base, past, verb)[form] + (f" {tail}" if tail else "")
        self._say(phrase, labels)

    def _say(self, pattern: str, labels: list[tuple[str, float]]) -> None:
        start = len(self.text)
        for i, part in enumerate(SLOT.split(pattern)):
            if i % 2:
                self._slot(part)
            else:
                self.text += part
        self.events += [(start, len(self.text), code, weight) for code, weight in labels]

    def sentence(self, register: str, joiner: str = "") -> None:
        pattern, labels = _split(self.rng.choice(PATTERNS[register]))
        if joiner:
            self.text = self.text.rstrip(".") + joiner
        elif self.text:
            self.text += " "
        at = len(self.text)
        if not joiner and self.rng.random() < 0.2 and not (pattern.startswith("{oath}") or pattern.endswith("?")):
            self.text += self.rng.choice(WORDS["start"]) + ", "
        self._say(pattern, labels)
        if not joiner:
            self.text = self.text[:at] + self.text[at].upper() + self.text[at + 1 :]
        if not self.text.endswith("?"):
            self.text += "!" if register in ("rude", "threat") and self.rng.random() < 0.25 else "."


JOINERS = {"calm": (", and ", ", so ", ", because ", ", but "), "rough": (", and ", ", so ", ", but ")}


def _second(rng: random.Random, mix: Mix, first: str) -> str:
    rude = first in ("rude", "threat")
    chance = mix.stay if rude else (mix.stay + 2 * mix.turn) / 4 if first == "grumpy" else mix.turn
    if rng.random() < chance:
        return "threat" if rng.random() < (0.5 if first == "threat" else 0.2) else "rude"
    return rng.choices(REGISTERS[:3], mix.calm)[0]


def _utter(rng: random.Random, mix: Mix) -> Utterance:
    first = rng.choices(REGISTERS, mix.opening)[0]
    second = _second(rng, mix, first)
    speaker = _Speaker(rng, first)
    speaker.sentence(first)
    rough = first in ("rude", "threat") or second in ("rude", "threat")
    joined = speaker.text.endswith(".") and rng.random() < 0.25
    speaker.sentence(second, rng.choice(JOINERS["rough" if rough else "calm"]) if joined else "")
    if joined or rng.random() < 0.35:
        speaker.sentence(second)
    text = re.sub(r"\b([Aa]) (?=[aeio]|ug|um|un)", r"\1n ", speaker.text)
    # "a" → "an" adds a character each; labels only need places to within a few characters.
    return Utterance(text, speaker.topic_name, (first, second), speaker.events)


def utterances(seed: int, mix: str | Mix):
    """Utterances for ever, the same for the same seed and mix. `Utterance.labels()` gives the intended intensities."""
    rng = random.Random(f"parlour:{seed}")
    chosen = MIXES[mix] if isinstance(mix, str) else mix
    while True:
        yield _utter(rng, chosen)


def labelled(seed: int, count: int, mix: str = "even"):
    """`count` pairs (text, {attribute: intended intensity in [0, 1]}), whole utterances and first halves by turns."""
    source = utterances(seed, mix)
    for i in range(count):
        utterance = next(source)
        cut = first_half(utterance) if i % 2 else len(utterance.text)
        yield utterance.text[:cut], utterance.labels(cut)


def first_half(utterance: Utterance) -> int:
    """Where a prompt ends: after the word that contains the 45–60 % mark (a place fixed by the text itself)."""
    text = utterance.text
    share = random.Random(f"cut:{text}").uniform(0.45, 0.6)
    space = text.find(" ", int(len(text) * share))
    return len(text) if space < 0 else space


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Print utterances of the parlour grammar with their intended toxicity.")
    parser.add_argument("--mix", default="even", choices=sorted(MIXES))
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    generator = utterances(options.seed, options.mix)
    for _ in range(options.count):
        said = next(generator)
        print(f"{said.labels()['TOXICITY']:.2f}  {'/'.join(said.registers):18} {said.text}")
