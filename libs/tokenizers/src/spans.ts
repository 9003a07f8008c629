import { isRecord, UserError } from '@sonde/base';

/** How a tokenizer's tokens spell the text, as far as finding them in it needs. */
export interface Surface {
  readonly byteLevel: boolean;
  /** ByteLevel's `trim_offsets`: a token's range leaves out the spaces at its ends. */
  readonly trimSpaces: boolean;
  /** A space is put in front of each stretch of text: always, or only if it does not start with one. */
  readonly prefix: 'none' | 'always' | 'unless-space';
  readonly compose: boolean;
  readonly unknown: string | null;
  readonly added: ReadonlySet<string>;
}

/** A part of tokenizer.json and the parts of a Sequence, one after another. */
function parts(config: unknown): Record<string, unknown>[] {
  if (!isRecord(config)) return [];
  const inner = config.normalizers ?? config.pretokenizers ?? config.processors;
  return Array.isArray(inner) ? inner.flatMap(parts) : [config];
}

/** Reads from a tokenizer.json how its tokens spell text. */
export function describeSurface(json: Record<string, unknown>): Surface {
  const normalizers = parts(json.normalizer);
  const splitters = parts(json.pre_tokenizer);
  const byteLevel = splitters.find((part) => part.type === 'ByteLevel');
  const metaspace = splitters.find((part) => part.type === 'Metaspace');
  const metaPrefix = metaspace && metaspace.prepend_scheme !== 'never' && metaspace.add_prefix_space !== false;
  const prepends = normalizers.some((part) => part.type === 'Prepend');
  const added = Array.isArray(json.added_tokens) ? json.added_tokens.filter(isRecord) : [];
  return {
    byteLevel: byteLevel !== undefined,
    trimSpaces: parts(json.post_processor).some((part) => part.type === 'ByteLevel' && part.trim_offsets !== false),
    prefix: prepends ? 'always' : metaPrefix || byteLevel?.add_prefix_space === true ? 'unless-space' : 'none',
    compose: normalizers.some((part) => part.type === 'NFC' || part.type === 'NFKC'),
    unknown: isRecord(json.model) && typeof json.model.unk_token === 'string' ? json.model.unk_token : null,
    added: new Set(added.map((token) => String(token.content))),
  };
}

/** GPT-2's spelling of bytes by printable characters: those that are printable stand for themselves, the rest follow U+0100. */
const BYTE_OF_CHARACTER = (() => {
  const table = new Map<string, number>();
  let next = 256;
  for (let byte = 0; byte < 256; byte++) {
    const printable = (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
    table.set(String.fromCodePoint(printable ? byte : next++), byte);
  }
  return table;
})();

const encoder = new TextEncoder();
const SPACE = 0x20;

/** The bytes of a text after normalisation, each with the code points [from, to) of the text that it came from. */
interface SpelledText {
  readonly bytes: number[];
  readonly from: number[];
  readonly to: number[];
}

function spell(text: string, compose: boolean): SpelledText {
  const spelled: SpelledText = { bytes: [], from: [], to: [] };
  const push = (characters: string, from: number, to: number): void => {
    for (const byte of encoder.encode(characters.replaceAll('▁', ' '))) {
      spelled.bytes.push(byte);
      spelled.from.push(from);
      spelled.to.push(to);
    }
  };
  let at = 0;
  // A starter and the marks (or Hangul vowels and finals) that may compose with it.
  for (const [cluster] of text.matchAll(/[\s\S][\p{M}\u1160-\u11ff]*/gu)) {
    const points = [...cluster];
    const composed = compose ? cluster.normalize('NFC') : cluster;
    if (composed === cluster) for (const [i, point] of points.entries()) push(point, at + i, at + i + 1);
    else push(composed, at, at + points.length);
    at += points.length;
  }
  return spelled;
}

function tokenBytes(token: string, surface: Surface): number[] {
  if (surface.added.has(token)) return [...encoder.encode(token)];
  if (surface.byteLevel) return [...token].map((character) => BYTE_OF_CHARACTER.get(character) ?? SPACE);
  const byte = /^<0x([0-9A-Fa-f]{2})>$/.exec(token)?.[1];
  return byte !== undefined ? [Number.parseInt(byte, 16)] : [...encoder.encode(token.replaceAll('▁', ' '))];
}

function matches(text: readonly number[], at: number, token: readonly number[]): boolean {
  return token.every((byte, i) => text[at + i] === byte);
}

/**
 * The code points [from, to) of a text that each of its tokens covers, as Hugging Face's tokenizers report offsets.
 * @param tokens the tokens of `text` without those that a post-processor adds
 * @throws UserError if the tokens do not spell the text
 */
export function alignTokens(text: string, tokens: readonly string[], surface: Surface): [number, number][] {
  const { bytes, from, to } = spell(text, surface.compose);
  const ranges: [number, number][] = [];
  let at = 0;
  let stretchStarts = true;
  tokens.forEach((token, index) => {
    const spelledToken = tokenBytes(token, surface);
    let virtual = 0;
    if (surface.added.has(token)) {
      while (at < bytes.length && !matches(bytes, at, spelledToken)) at++;
      stretchStarts = true;
    } else {
      const prefixed =
        surface.prefix === 'always' ||
        (surface.prefix === 'unless-space' && bytes[at] !== SPACE && bytes[at] !== undefined);
      if (stretchStarts && prefixed && spelledToken[0] === SPACE) virtual = 1;
      stretchStarts = false;
    }
    let wanted = spelledToken.slice(virtual);
    if (token === surface.unknown && !matches(bytes, at, wanted)) {
      wanted = bytes.slice(at, endOfUnknown(bytes, to, at, tokens[index + 1], surface));
    }
    if (!matches(bytes, at, wanted)) {
      throw new UserError(
        'model',
        `The tokens do not spell the text: token ${index} ("${token}") is not at byte ${at}.`,
      );
    }
    const last = Math.max(at, at + wanted.length - 1);
    const range: [number, number] = [from[at] ?? [...text].length, to[last] ?? [...text].length];
    at += wanted.length;
    ranges.push(surface.trimSpaces ? trim(range, wanted) : range);
  });
  return ranges;
}

/** An unknown token stands for the characters up to where the next token can begin; for one character at least. */
function endOfUnknown(bytes: number[], to: number[], at: number, next: string | undefined, surface: Surface): number {
  if (next === undefined) return bytes.length;
  const nextBytes = tokenBytes(next, surface);
  let end = at + 1;
  while (end < bytes.length && to[end] === to[at]) end++;
  while (end < bytes.length && !matches(bytes, end, nextBytes)) end++;
  return end;
}

function trim([from, to]: [number, number], token: readonly number[]): [number, number] {
  const leading = token.findIndex((byte) => byte !== SPACE);
  if (leading < 0) return [to, to];
  const trailing = token.length - 1 - token.findLastIndex((byte) => byte !== SPACE);
  return [Math.min(from + leading, to), Math.max(to - trailing, Math.min(from + leading, to))];
}
