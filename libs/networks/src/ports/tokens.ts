import type { GraphBuilder, Value } from '@sonde/onnx';
import { type RotarySpec, rotaryTables } from '../rotary.ts';
import { type Feed, type Feeds, floats, int32s, int64s } from './feeds.ts';

/** The tokens of a run, with where they stand. */
export interface Tokens {
  /** [sequences · T] */
  readonly inputIds: Int32Array;
  readonly positions: BigInt64Array;
  /** [sequences · T], of a trunk that has token types; all are of type 0 if not given. */
  readonly tokenTypes?: Int32Array;
}

export interface TokenInputs {
  /** [tokens] */
  readonly inputIds: Value;
  /** [sequences, T] */
  readonly positionIds: Value;
  /** [tokens]; null where the trunk has no token types */
  readonly tokenTypes: Value | null;
}

export function tokenInputs(graph: GraphBuilder, withTypes: boolean): TokenInputs {
  return {
    inputIds: graph.input('input_ids', 'int32', ['tokens']),
    positionIds: graph.input('position_ids', 'int64', ['rows', 'T']),
    tokenTypes: withTypes ? graph.input('token_types', 'int32', ['tokens']) : null,
  };
}

export function tokenFeeds(
  { inputIds, positions, tokenTypes = new Int32Array(inputIds.length) }: Tokens,
  dims: readonly [number, number],
  withTypes: boolean,
): Feeds {
  return {
    input_ids: int32s(inputIds),
    position_ids: int64s(positions, dims),
    ...(withTypes ? { token_types: int32s(tokenTypes) } : {}),
  };
}

/** The furthest of some positions. */
export function furthestOf(positions: BigInt64Array): number {
  let furthest = 0n;
  for (const position of positions) if (position > furthest) furthest = position;
  return Number(furthest);
}

/** Cosines and sines [positions, pairs] of a rotary embedding. */
export interface RotaryTables {
  readonly cos: Value;
  readonly sin: Value;
  readonly pairs: number;
  readonly interleaved: boolean;
}

export function rotaryInputs(graph: GraphBuilder, rotary: readonly RotarySpec[]): RotaryTables[] {
  return rotary.map(({ inverseFrequencies: { length: pairs }, interleaved = false }, i) => ({
    cos: graph.input(`cos.${i}`, 'float32', ['positions', pairs]),
    sin: graph.input(`sin.${i}`, 'float32', ['positions', pairs]),
    pairs,
    interleaved,
  }));
}

/** Gives the tables for so many positions or more; they are kept, and made anew when they end too early. */
export function rotaryFeeder(rotary: readonly RotarySpec[], maxPositions: number): (positions: number) => Feeds {
  let known: { readonly positions: number; readonly feeds: Feeds } | undefined;
  return (positions) => {
    if (!known || known.positions < positions) {
      const count = Math.min(maxPositions, Math.max(256, 2 ** Math.ceil(Math.log2(positions))));
      const feeds = rotary.flatMap((spec, i): [string, Feed][] => {
        const { cos, sin, pairs } = rotaryTables(spec, count);
        return [
          [`cos.${i}`, floats(cos, [count, pairs])],
          [`sin.${i}`, floats(sin, [count, pairs])],
        ];
      });
      known = { positions: count, feeds: Object.fromEntries(feeds) };
    }
    return known.feeds;
  };
}
