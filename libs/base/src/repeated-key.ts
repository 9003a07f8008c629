/**
 * The first key that an object in a JSON text has twice: JSON.parse, as most parsers, then keeps the last value alone.
 *
 * @param text what JSON.parse takes
 */
export function repeatedKey(text: string): string | undefined {
  /** The keys so far of each object that is open, outermost first; undefined for a list. */
  const open: (Set<string> | undefined)[] = [];
  for (let at = 0; at < text.length; at++) {
    switch (text[at]) {
      case '{':
        open.push(new Set());
        break;
      case '[':
        open.push(undefined);
        break;
      case '}':
      case ']':
        open.pop();
        break;
      case '"': {
        const start = at;
        at = endOfString(text, start);
        const keys = open.at(-1);
        if (keys === undefined || !isKey(text, at)) break;
        const key = JSON.parse(text.slice(start, at + 1)) as string;
        if (keys.has(key)) return key;
        keys.add(key);
      }
    }
  }
  return undefined;
}

/** Whether a colon follows the string that ends at `end`. */
function isKey(text: string, end: number): boolean {
  let next = end + 1;
  while (' \t\n\r'.includes(text[next]!)) next++;
  return text[next] === ':';
}

/** Where the closing quote of the string is that opens at `start`. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); ; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text[end - 1 - backslashes] === '\\') backslashes++;
    if (backslashes % 2 === 0) return end;
  }
}
