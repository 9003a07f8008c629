"""Hashed features of a text, the same numbers that libs/scoring/src/features.ts computes.

A text is read as UTF-16 code units. `FOLD` maps each unit to what is kept of it (0: dropped, 32: space).
Folded units are cut into tokens: a run of word units (letters, digits, ' * @ $), or a run of one mark.
Every token has one word hash and, when it is a word, hashes of its character n-grams.
docs/embedded-scorer.md describes the rules; test/features.test.ts holds both sides to them.
"""

from functools import lru_cache

import numpy as np

MASK = 0xFFFFFFFF
MAX_WORD = 24  # units; a longer run is cut into several tokens
MIN_NGRAM, MAX_NGRAM = 3, 5
SPACE = 32


def fold_table() -> np.ndarray:
    """[65536] uint16: what each UTF-16 code unit becomes."""
    fold = np.arange(65536, dtype=np.uint16)
    for upper in range(0x41, 0x5B):
        fold[upper] = upper + 32
    fold[0:0x20] = SPACE
    for unit in [0x7F, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000]:
        fold[unit] = SPACE
    # soft hyphen, zero-width, direction marks, combining accents, variation selectors, byte order mark
    for unit in [0xAD, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2065)]:
        fold[unit] = 0
    fold[0x300:0x370] = 0
    fold[0xFE00:0xFE10] = 0
    fold[0xFEFF] = 0
    for first, plain in [
        (0xC0, "aaaaaaaceeeeiiiidnooooo"), (0xD8, "ouuuuy"), (0xE0, "aaaaaaaceeeeiiiidnooooo"), (0xF8, "ouuuuy"),
        (0x2018, "''''\"\"\"\""), (0x2010, "------"),
    ]:
        for offset, character in enumerate(plain):
            fold[first + offset] = ord(character)
    fold[0xFF], fold[0xB4], fold[0x60], fold[0x2026] = ord("y"), ord("'"), ord("'"), ord(".")
    for unit in range(0xFF01, 0xFF5F):  # full-width forms of ASCII
        fold[unit] = fold[unit - 0xFEE0]
    # Cyrillic letters that look Latin
    for look, plain in zip("аеорсухіАВЕКМНОРСТУХІ", "aeopcyxiabekmhopctyxi", strict=True):
        fold[ord(look)] = ord(plain)
    return fold


FOLD = fold_table()
WORD = np.zeros(65536, dtype=bool)  # of folded units
WORD[0xC0:0x2000] = True
WORD[0x2C00:0x2E00] = True
WORD[0x3040:0xE000] = True  # kana, ideographs, Hangul and surrogates (emoji are words)
for _unit in b"abcdefghijklmnopqrstuvwxyz0123456789'*@$":
    WORD[_unit] = True
_FOLD, _WORD = FOLD.tolist(), WORD.tolist()


def finish(h: int) -> int:
    """Spreads a hash over 32 bits."""
    h ^= h >> 16
    h = (h * 0x7FEB352D) & MASK
    h ^= h >> 15
    h = (h * 0x846CA68B) & MASK
    return h ^ (h >> 16)


def tokens(text: str) -> list[tuple[tuple[int, ...], bool]]:
    """The tokens of a text: their folded units, and whether the word was written in capitals."""
    raw = text.encode("utf-16-le", "surrogatepass")
    units = np.frombuffer(raw, dtype="<u2").tolist()
    found: list[tuple[tuple[int, ...], bool]] = []
    current: list[int] = []
    uppers = lowers = 0
    kind = 0  # of the current token: 0 none, 1 word, else the mark

    def close() -> None:
        nonlocal current, uppers, lowers, kind
        if current:
            found.append((tuple(current), uppers >= 2 and lowers == 0))
        current, uppers, lowers, kind = [], 0, 0, 0

    for unit in units:
        folded = _FOLD[unit]
        if folded == 0:
            continue
        if folded == SPACE:
            close()
            continue
        this = 1 if _WORD[folded] else folded
        if this != kind:
            close()
        elif this == 1 and len(current) == MAX_WORD:
            close()
        elif this != 1 and len(current) == 3:
            continue  # a run of a mark counts as at most three
        kind = this
        current.append(folded)
        if 0x41 <= unit <= 0x5A:
            uppers += 1
        elif 0x61 <= folded <= 0x7A:
            lowers += 1
    close()
    return found


@lru_cache(maxsize=None)
def word_hashes(units: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
    """The token's own hash, and those of its character n-grams between < and >."""
    bounded = (60, *units, 62)
    h = 0x811C9DC5
    for unit in bounded:
        h = ((h ^ unit) * 0x01000193) & MASK
    grams: list[int] = []
    if _WORD[units[0]]:
        for start in range(len(bounded)):
            g = 0x9747B28C
            for end in range(start, min(start + MAX_NGRAM, len(bounded))):
                g = ((g ^ bounded[end]) * 0x01000193) & MASK
                if end - start + 1 >= MIN_NGRAM:
                    grams.append(finish(g))
    return finish(h), tuple(grams)
