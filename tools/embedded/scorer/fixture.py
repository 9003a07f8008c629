"""Writes libs/scoring/test/fixtures/features.json: features of a few texts, to hold the TypeScript side to them.

    python tools/embedded/scorer/fixture.py
    python tools/embedded/scorer/fixture.py --texts texts.json --out features.json   for texts of your own
"""

import argparse
import json
from pathlib import Path

from features import tokens, word_hashes

TEXTS = [
    "",
    "   \t\n\u00a0\u3000",
    "\u200b\ufeff\u00ad",
    "The tea is ready.",
    "You are a USELESS neighbour!!!!!!",
    "It's Anna's 'own' ''quoted'' word",
    "d*mn, a$$, @you #tag 50% off",
    "Crème brûlée, naïve façade, Ærø, Straße, ÿ",
    "cafe\u0301 with a combining accent",
    "Ｆｕｌｌ－ｗｉｄｔｈ ＴＥＸＴ！",
    "Тhе сар is Суrillic",
    "Москва слезам не верит",
    "“Curly” quotes — and ‘single’ ones… – fine",
    "emoji \U0001f600\U0001f600 and a flag \U0001f1e9\U0001f1ea, family \U0001f468\u200d\U0001f469\u200d\U0001f467",
    "日本語のテキスト、ひらがなとカタカナ。",
    "한국어 텍스트 العربية עברית ไทย",
    "lone \ud83d surrogate \ude00 halves",
    "x" * 24,
    "x" * 25,
    "y" * 100 + " " + "!" * 9 + "?!?!" + ".." * 5,
    "multi\u2028line\u0085text\u000bwith\u001fcontrols\u0000end",
    "1234567890 3.14 1,000,000 4ever l33t",
    "ALL CAPS HERE but I am not, OK? A B C",
    "\uffff\ue000 private use",
    "e" + "\u0301" * 30 + "nd",
]


def main() -> None:
    root = Path(__file__).resolve().parents[3]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=Path, help="JSON list of texts")
    parser.add_argument("--out", type=Path, default=root / "libs/scoring/test/fixtures/features.json")
    options = parser.parse_args()
    texts = TEXTS if options.texts is None else json.loads(options.texts.read_text(encoding="utf-8"))
    found = []
    for text in texts:
        parts = [
            {
                "units": list(units),
                "capitals": capitals,
                "hash": word_hashes(units)[0],
                "ngrams": list(word_hashes(units)[1]),
            }
            for units, capitals in tokens(text)
        ]
        found.append({"text": text, "tokens": parts})
    lines = ",\n".join(json.dumps(item, separators=(",", ":")) for item in found)
    options.out.write_text(f"[\n{lines}\n]\n", encoding="ascii")


if __name__ == "__main__":
    main()
