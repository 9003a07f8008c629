/** What the scorer's features make of each UTF-16 code unit; docs/embedded-scorer.md has these rules in words. */

export const SPACE = 32;
const UNITS = 65536;

const SPACES: readonly (readonly [first: number, last: number])[] = [
  [0x00, 0x1f],
  [0x7f, 0x7f],
  [0x85, 0x85],
  [0xa0, 0xa0],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x2028, 0x2029],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
];

/** Soft hyphen, zero-width characters, direction marks, combining accents, variation selectors, byte order mark. */
const UNSEEN: readonly (readonly [first: number, last: number])[] = [
  [0xad, 0xad],
  [0x200b, 0x200f],
  [0x202a, 0x202e],
  [0x2060, 0x2064],
  [0x300, 0x36f],
  [0xfe00, 0xfe0f],
  [0xfeff, 0xfeff],
];

/** Runs of units that become the units of a plain text: accented letters, quotation marks, dashes. */
const PLAIN: readonly (readonly [first: number, plain: string])[] = [
  [0xc0, 'aaaaaaaceeeeiiiidnooooo'],
  [0xd8, 'ouuuuy'],
  [0xe0, 'aaaaaaaceeeeiiiidnooooo'],
  [0xf8, 'ouuuuy'],
  [0xff, 'y'],
  [0xb4, "'"],
  [0x60, "'"],
  [0x2010, '------'],
  [0x2018, '\'\'\'\'""""'],
  [0x2026, '.'],
];

const CYRILLIC = 'аеорсухіАВЕКМНОРСТУХІ';
const LOOKS_LIKE = 'aeopcyxiabekmhopctyxi';

/** What each unit becomes: 0 is dropped, 32 is a space. */
export const FOLD: Uint16Array = foldTable();

/** Whether a folded unit is part of words (1) or a mark (0). */
export const WORD: Uint8Array = wordTable();

function foldTable(): Uint16Array {
  const fold = Uint16Array.from({ length: UNITS }, (_, unit) => unit);
  for (let upper = 0x41; upper <= 0x5a; upper++) fold[upper] = upper + 32;
  for (const [first, last] of SPACES) fold.fill(SPACE, first, last + 1);
  for (const [first, last] of UNSEEN) fold.fill(0, first, last + 1);
  for (const [first, plain] of PLAIN) {
    for (let i = 0; i < plain.length; i++) fold[first + i] = plain.charCodeAt(i);
  }
  // Full-width forms of ASCII.
  for (let unit = 0xff01; unit <= 0xff5e; unit++) fold[unit] = fold[unit - 0xfee0]!;
  for (let i = 0; i < CYRILLIC.length; i++) fold[CYRILLIC.charCodeAt(i)] = LOOKS_LIKE.charCodeAt(i);
  return fold;
}

function wordTable(): Uint8Array {
  const word = new Uint8Array(UNITS);
  word.fill(1, 0xc0, 0x2000);
  word.fill(1, 0x2c00, 0x2e00);
  // Kana, ideographs, Hangul and surrogates: an emoji is a word.
  word.fill(1, 0x3040, 0xe000);
  for (const character of "abcdefghijklmnopqrstuvwxyz0123456789'*@$") word[character.charCodeAt(0)] = 1;
  return word;
}
