import { isRecord, UserError } from '@sonde/base';
import { byteOf } from './byte-level.ts';
import type { AlignedText } from './normalize.ts';

/** How a tokenizer's tokens spell the text, as far as finding them in it needs. */
export interface Surface {
  readonly byteLevel: boolean;
  /** ByteLevel's `trim_offsets`: a token's range leaves out the spaces at its ends. */
  readonly trimSpaces: boolean;
  /** Then the first space of a text is not left out. */
  readonly keepsFirst: boolean;
  /** A space may be put in front of a stretch of text that does not start with one. */
  readonly prefix: boolean;
  readonly unknown: string | null;
  /** Whether an unknown token stands for one character, or for as many as there are in a row. */
  readonly unknownIsOne: boolean;
}

/** A part of tokenizer.json and the parts of a Sequence, one after another. */
function parts(config: unknown): Record<string, unknown>[] {
  if (!isRecord(config)) return [];
  const inner = config.pretokenizers ?? config.processors;
  return Array.isArray(inner) ? inner.flatMap(parts) : [config];
}

/** Reads from a tokenizer.json how its tokens spell text. */
export function describeSurface(json: Readonly<Record<string, unknown>>): Surface {
  const splitters = parts(json.pre_tokenizer);
  const byteLevel = splitters.find((part) => part.type === 'ByteLevel');
  const trims = (part: Record<string, unknown>): boolean =>
    (part.type === 'ByteLevel' || part.type === 'RobertaProcessing') && part.trim_offsets !== false;
  const trimming = parts(json.post_processor).find(trims);
  const metaspace = splitters.find((part) => part.type === 'Metaspace');
  const metaPrefix = metaspace && metaspace.prepend_scheme !== 'never' && metaspace.add_prefix_space !== false;
  return {
    byteLevel: byteLevel !== undefined,
    trimSpaces: trimming !== undefined,
    keepsFirst: trimming !== undefined && trimming.add_prefix_space !== false,
    prefix: metaPrefix === true || byteLevel?.add_prefix_space === true,
    unknown: isRecord(json.model) && typeof json.model.unk_token === 'string' ? json.model.unk_token : null,
    unknownIsOne: isRecord(json.model) && json.model.fuse_unk !== true,
  };
}

const encoder = new TextEncoder();
const SPACE = 0x20;

/** The bytes of a normalised text, each with the code points [from, to) of the text that it came from. */
interface SpelledText {
  readonly bytes: number[];
  readonly from: number[];
  readonly to: number[];
}

function spell({ points, from, to }: AlignedText, byteLevel: boolean): SpelledText {
  const spelled: SpelledText = { bytes: [], from: [], to: [] };
  points.forEach((point, i) => {
    for (const byte of encoder.encode(point === '▁' && !byteLevel ? ' ' : point)) {
      spelled.bytes.push(byte);
      spelled.from.push(from[i]!);
      spelled.to.push(to[i]!);
    }
  });
  return spelled;
}

function tokenBytes(token: string, surface: Surface): number[] {
  if (surface.byteLevel) return [...token].map((character) => byteOf(character) ?? SPACE);
  const byte = /^<0x([0-9A-Fa-f]{2})>$/.exec(token)?.[1];
  return byte !== undefined ? [Number.parseInt(byte, 16)] : [...encoder.encode(token.replaceAll('▁', ' '))];
}

function matches(text: readonly number[], at: number, token: readonly number[]): boolean {
  return token.every((byte, i) => text[at + i] === byte);
}

/**
 * The code points [from, to) of a text that each token of a stretch of it covers, as Hugging Face's tokenizers report
 * offsets.
 * @param text the stretch after normalisation
 * @throws UserError if the tokens do not spell the text
 */
export function alignTokens(text: AlignedText, tokens: readonly string[], surface: Surface): [number, number][] {
  const { bytes, from, to } = spell(text, surface.byteLevel);
  const past = text.to.at(-1) ?? 0;
  const prefixed = surface.prefix && bytes[0] !== SPACE && bytes[0] !== undefined;
  const fail = (what: string, place: number): never => {
    throw new UserError(
      'model',
      `The tokens of a text do not spell it, so that none can be said to stand for a part of it: ${what} at character ${place}.`,
      'tokenizer.json changes texts in a way that cannot be followed; capture without pooling over the prompt.',
    );
  };
  let at = 0;
  const ranges = tokens.map((token, index): [number, number] => {
    const spelledToken = tokenBytes(token, surface);
    const virtual = index === 0 && prefixed && spelledToken[0] === SPACE ? 1 : 0;
    let wanted = spelledToken.slice(virtual);
    if (token === surface.unknown && !matches(bytes, at, wanted)) {
      wanted = bytes.slice(at, endOfUnknown(bytes, to, at, tokens[index + 1], surface));
    }
    if (!matches(bytes, at, wanted)) {
      fail(`token ${JSON.stringify(token)} is not`, from[at] ?? past);
    }
    const last = Math.max(at, at + wanted.length - 1);
    const range: [number, number] = [from[at] ?? past, to[last] ?? past];
    at += wanted.length;
    return trim(range, spelledToken, (byte) => byte === SPACE, surface);
  });
  if (at < bytes.length) fail('there is none', from[at]!);
  return ranges;
}

/** An unknown token stands for the characters up to where the next token can begin; for one character at least. */
function endOfUnknown(bytes: number[], to: number[], at: number, next: string | undefined, surface: Surface): number {
  let end = at + 1;
  while (end < bytes.length && to[end] === to[at]) end++;
  if (surface.unknownIsOne) return end;
  if (next === undefined) return bytes.length;
  const nextBytes = tokenBytes(next, surface);
  while (end < bytes.length && !matches(bytes, end, nextBytes)) end++;
  return end;
}

/** The same for an added token at code points [from, to). @param written its text */
export function alignAdded(from: number, to: number, written: string, surface: Surface): [number, number] {
  return trim([from, to], [...written], (point) => /[\p{White_Space}Ġ]/u.test(point), surface);
}

function trim<Part>(
  [from, to]: [number, number],
  token: readonly Part[],
  isSpace: (part: Part) => boolean,
  { trimSpaces, keepsFirst }: Surface,
): [number, number] {
  if (!trimSpaces) return [from, to];
  const all = token.findIndex((part) => !isSpace(part));
  const leading = all < 0 ? token.length : all;
  const trailing = token.length - 1 - token.findLastIndex((part) => !isSpace(part));
  const start = Math.min(from + Math.max(0, keepsFirst && from === 0 ? leading - 1 : leading), to);
  return [start, Math.max(to - trailing, start)];
}
