import { UserError } from '@sonde/base';
import { BYTE_TOKENS, bytesIn, type Model, type ModelToken, remembered } from './model.ts';
import type { Vocabulary } from './vocabulary.ts';
import { unknownWord } from './word-level.ts';

interface Merges {
  /** The rank of a pair of tokens, and what it becomes by its rank. */
  rankOf(left: number, right: number): number | undefined;
  readonly made: readonly number[];
}

/** A token of a word while pairs are merged; of length 0 once another has taken it in. */
interface Part {
  id: number;
  /** In bytes. */
  length: number;
  previous: number;
  next: number;
}

/** Numbers of tokens are below 2^26, so that a pair of them is a whole number of a float. */
const MOST_TOKENS = 2 ** 26;

/**
 * Byte pair encoding: characters, of which the pair that comes first in the list of merges is joined until none is left.
 * @throws UserError if a merge is of tokens that are not in the vocabulary, or some are left out at random
 */
export function bpe(config: Readonly<Record<string, unknown>>, vocabulary: Vocabulary): Model {
  const prefix = String(config.continuing_subword_prefix ?? '');
  const suffix = String(config.end_of_word_suffix ?? '');
  const { unk_token: unknown, fuse_unk: fuses, byte_fallback: fallsBack, ignore_merges: whole } = config;
  if (typeof config.dropout === 'number' && config.dropout > 0) {
    throw new UserError('model', 'tokenizer.json: BPE with dropout makes other tokens of a text each time.');
  }
  const merges = readMerges(config.merges, vocabulary, prefix);
  const bytes = fallsBack === true ? BYTE_TOKENS.map((token) => vocabulary.idOf(token)) : [];

  function bytesOf(text: string): number[] | null {
    if (fallsBack !== true) return null;
    const ids = [...Buffer.from(text)].map((byte) => bytes[byte]);
    return ids.every((id) => id !== undefined) ? ids : null;
  }

  function characters(word: string): Part[] {
    const symbols: Part[] = [];
    const add = (id: number, length: number): void => {
      symbols.push({ id, length, previous: symbols.length - 1, next: symbols.length + 1 });
    };
    const points = [...word];
    let unknownLength = 0;
    const addUnknown = (): void => {
      if (unknownLength > 0) add(unknownWord(vocabulary, String(unknown)), unknownLength);
      unknownLength = 0;
    };
    for (const [at, point] of points.entries()) {
      const text = (at > 0 ? prefix : '') + point + (at === points.length - 1 ? suffix : '');
      const id = vocabulary.idOf(text);
      if (id !== undefined) {
        addUnknown();
        add(id, bytesIn(point));
        continue;
      }
      const fallback = bytesOf(text);
      // An unknown character before it is added later, as there.
      if (fallback) for (const byte of fallback) add(byte, 1);
      else if (typeof unknown === 'string') {
        if (fuses !== true) addUnknown();
        unknownLength += bytesIn(point);
      }
    }
    addUnknown();
    return symbols;
  }

  return {
    ...vocabulary,
    tokenize: remembered((word) => {
      const known = whole === true ? vocabulary.idOf(word) : undefined;
      if (known !== undefined) return [{ id: known, value: word, from: 0, to: bytesIn(word) }];
      const tokens: ModelToken[] = [];
      let from = 0;
      for (const { id, length } of merged(characters(word), merges)) {
        tokens.push({ id, value: vocabulary.tokenOf(id) ?? '', from, to: from + length });
        from += length;
      }
      return tokens;
    }),
  };
}

function readMerges(list: unknown, vocabulary: Vocabulary, prefix: string): Merges {
  const ranks = new Map<number, number>();
  const made: number[] = [];
  const idOf = (token: string): number => {
    const id = vocabulary.idOf(token);
    if (id !== undefined && id < MOST_TOKENS) return id;
    throw new UserError(
      'model',
      `tokenizer.json: the merges have ${JSON.stringify(token)}, which its vocabulary lacks.`,
    );
  };
  for (const [rank, merge] of (Array.isArray(list) ? list : []).entries()) {
    const [left, right] = (typeof merge === 'string' ? merge.split(' ') : merge) as [string, string];
    ranks.set(idOf(left) * MOST_TOKENS + idOf(right), rank);
    made.push(idOf(left + right.slice(prefix.length)));
  }
  return { rankOf: (left, right) => ranks.get(left * MOST_TOKENS + right), made };
}

/** A rank and a place as one number, in that order. */
const PLACES = 2 ** 28;

/** Joins pairs, those of the lowest rank first, and of these the first in the word. */
function merged(symbols: Part[], { rankOf, made }: Merges): Part[] {
  const queue = new Queue();
  const offer = (at: number): void => {
    const right = symbols[symbols[at]!.next];
    const rank = right && rankOf(symbols[at]!.id, right.id);
    if (rank !== undefined) queue.push(rank * PLACES + at);
  };
  for (let at = 0; at + 1 < symbols.length; at++) offer(at);
  for (let entry = queue.pop(); entry !== undefined; entry = queue.pop()) {
    const [at, rank] = [entry % PLACES, Math.floor(entry / PLACES)];
    const left = symbols[at]!;
    const right = symbols[left.next];
    if (left.length === 0 || !right) continue;
    const now = rankOf(left.id, right.id);
    // Of a pair that is no more.
    if (now === undefined || made[now] !== made[rank]) continue;
    left.id = made[rank]!;
    left.length += right.length;
    left.next = right.next;
    right.length = 0;
    const next = symbols[left.next];
    if (next) next.previous = at;
    if (left.previous >= 0) offer(left.previous);
    offer(at);
  }
  return symbols.filter(({ length }) => length > 0);
}

/** Numbers, of which the least comes out first. */
class Queue {
  readonly #heap: number[] = [];

  push(entry: number): void {
    const heap = this.#heap;
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (heap[above]! <= entry) break;
      heap[at] = heap[above]!;
      at = above;
    }
    heap[at] = entry;
  }

  pop(): number | undefined {
    const heap = this.#heap;
    const [least, last] = [heap[0], heap.pop()];
    if (last === undefined || heap.length === 0) return least;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && heap[below + 1]! < heap[below]!) below++;
      if (heap[below]! >= last) break;
      heap[at] = heap[below]!;
      at = below;
    }
    heap[at] = last;
    return least;
  }
}
