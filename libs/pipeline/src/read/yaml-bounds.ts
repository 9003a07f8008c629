const MAX_BRACKETS = 1000;
const MAX_RUN = 64;
const MAX_QUOTED = 1000;
const MAX_INDENTS = 500;

/**
 * Whether a text is one on which the YAML parser would recurse without end or take time by the square of its length:
 * brackets nested a thousand deep, lines indented ever further, or long runs of anchors, dashes, quotes or closing
 * brackets. Linear in the text; texts that people write pass.
 */
export function wearsOutParser(text: string): boolean {
  return bracketsRun(text) || indentsRun(text) || markersRun(text);
}

/** Whether lines are indented below one another, each further, too often. */
function indentsRun(text: string): boolean {
  const open: number[] = [];
  for (const [{ length: indent }] of text.matchAll(/^ *(?=[^ \r\n])/gm)) {
    while (open.length > 0 && open.at(-1)! >= indent) open.pop();
    open.push(indent);
    if (open.length > MAX_INDENTS) return true;
  }
  return false;
}

function bracketsRun(text: string): boolean {
  let depth = 0;
  let stray = 0;
  let closed = false;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit === 0x5b || unit === 0x7b) {
      if (++depth > MAX_BRACKETS || (closed && ++stray > MAX_BRACKETS)) return true;
      closed = false;
    } else if (unit === 0x5d || unit === 0x7d) {
      if (depth > 0) depth--;
      else if (++stray > MAX_BRACKETS) return true;
      closed = true;
    } else closed = false;
  }
  return false;
}

/** The sort of marker that a word between spaces is; undefined where it is text. */
function markerOf(word: string): string | undefined {
  const first = word[0];
  if (first === '&' || first === '!' || first === '*') return 'property';
  if (word === '-' || word === '?' || word === ':') return 'indicator';
  if (word === '"' || word === "'" || word === ',' || word === '[]' || word === '{}') return 'empty';
  if ((first === '"' || first === "'") && word.endsWith(first)) return 'quoted';
  return word === '---' || word === '...' ? 'document' : undefined;
}

function markersRun(text: string): boolean {
  let run = 0;
  let last: string | undefined;
  for (const line of text.split('\n')) {
    let keys = 0;
    for (const word of line.split(/[ \t\r]/)) {
      if (word === '') continue;
      const marker = markerOf(word);
      run = marker !== undefined && marker === last ? run + 1 : 0;
      last = marker;
      keys = word.endsWith(':') ? keys + 1 : 0;
      // A list of quoted words can be text.
      if (run > (marker === 'quoted' ? MAX_QUOTED : MAX_RUN) || keys > MAX_RUN) return true;
    }
  }
  return false;
}

/** Values of any file. */
const MAX_VALUES = 1_000_000;
/** Beyond so many, each must have so many characters on average: parsed, a digit and its comma take a kilobyte. */
const DENSE_VALUES = 100_000;
const CHARACTERS_A_VALUE = 3.3;

/** What is wrong with a text that can hold more values than are parsed within bounds, by the marks that stand between values. */
export function tooManyValues(text: string): string | undefined {
  let marks = 0;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    const next = text.charCodeAt(at + 1);
    const spaced = next === 0x20 || next === 0x0a || next === 0x0d || next === 0x09;
    // `,` `[` `{` are enough in flows; `: `, `- ` and `? ` in blocks.
    if (unit === 0x2c || unit === 0x5b || unit === 0x7b) marks++;
    else if (spaced && (unit === 0x3a || unit === 0x2d || unit === 0x3f)) marks++;
    if (marks > MAX_VALUES) return `the file has more than ${MAX_VALUES} values`;
  }
  if (marks <= DENSE_VALUES || marks * CHARACTERS_A_VALUE <= text.length) return undefined;
  return `the file has ${marks} values in ${text.length} characters: of so many, each has at least ${CHARACTERS_A_VALUE} on average`;
}
