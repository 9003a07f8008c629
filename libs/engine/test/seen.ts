import { CAPTURE_SITES, type CaptureSite } from '@sonde/networks';
import { expect } from 'vitest';
import {
  type CapturedStates,
  type CaptureOptions,
  capture,
  type Intervention,
  type Model,
  type Pool,
  type Prompt,
  type StateTensor,
  type TokenStates,
} from '../src/index.ts';
import { relativeError } from './shared.ts';
import { plain } from './tiny.ts';

/** The sites that models without experts have too. */
export const SITES_OF_ALL = CAPTURE_SITES.filter((site) => site !== 'router');

export const TOLERANCE = 1e-5;
/** About a seventh of the vocabulary ends a text, so that continuations end at different times. */
export const eos = Array.from({ length: 40 }, (_, i) => i * 6);
export const all: CaptureOptions = {
  layers: 'all',
  pool: ['prompt', 'continuation', 'last', 'max', 'tokens'],
  sites: SITES_OF_ALL,
};
/** The second has a template around its own text. */
export const prompts = [
  plain('a', 'Hello there'),
  { id: 'b', rendered: 'Say: "stone", and go on', spanStart: 6, spanEnd: 11 },
  plain('c', 'x'),
];
export const sampled = { num_return_sequences: 4, max_new_tokens: 12, top_p: 0.9, seed: 5 } as const;

/** A token's states, kept. */
export type SeenToken = Omit<TokenStates, 'states'> & { readonly states: Partial<Record<CaptureSite, Float32Array>> };

/** A taker of tokens that keeps copies of their states. */
export function keepTokens(): { readonly onToken: (token: TokenStates) => void; readonly tokens: SeenToken[] } {
  const tokens: SeenToken[] = [];
  return {
    tokens,
    onToken({ states, ...place }) {
      const kept = Object.entries(states).map(([site, data]) => [site, data.slice()]);
      tokens.push({ ...place, states: Object.fromEntries(kept) });
    },
  };
}

export const nameOf = ({ promptId, sample, position }: Omit<SeenToken, 'states' | 'span'>): string =>
  `${promptId} ${sample} ${position}`;

/** A prompt's states at one site, token by token: [layers, size] each. */
export async function statesAt(
  model: Model,
  prompt: Prompt,
  site: CaptureSite,
  interventions: readonly Intervention[] = [],
  layers: 'all' | readonly number[] = 'all',
): Promise<Float32Array[]> {
  const { tokens, onToken } = keepTokens();
  await capture(model, [{ prompt }], { layers, pool: ['tokens'], sites: [site], interventions }, { onToken });
  return tokens.map(({ states }) => states[site]!);
}

/** One array after the other. */
export function joined(arrays: readonly Float32Array[]): number[] {
  return arrays.flatMap((array) => Array.from(array));
}

/** Each state against its counterpart, layer by layer. */
export function expectSame(
  found: CapturedStates,
  expected: CapturedStates,
  pools: readonly Pool[],
  tolerance = TOLERANCE,
) {
  for (const site of SITES_OF_ALL) {
    expect(found[site]!.layers).toEqual(expected[site]!.layers);
    for (const pool of pools) {
      const [one, other] = [found[site]!.pools[pool]!, expected[site]!.pools[pool]!];
      expect(one.shape).toEqual(other.shape);
      for (let layer = 0; layer < one.shape[1]!; layer++) {
        expect(relativeError(ofLayer(one, layer), ofLayer(other, layer)), `${site} ${pool} ${layer}`).toBeLessThan(
          tolerance,
        );
      }
    }
  }
}

export function ofLayer({ shape, data }: StateTensor, layer: number): number[] {
  const [rows, layers] = shape as [number, number];
  const size = data.length / (rows * layers);
  const row = (i: number): Float32Array => data.subarray((i * layers + layer) * size, (i * layers + layer + 1) * size);
  return joined(Array.from({ length: rows }, (_, i) => row(i)));
}

export function expectSameTokens(found: readonly SeenToken[], expected: readonly SeenToken[]): void {
  const sorted = (tokens: readonly SeenToken[]): SeenToken[] =>
    tokens.toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
  const [one, other] = [sorted(found), sorted(expected)];
  expect(one.map((token) => `${nameOf(token)} ${token.span}`)).toEqual(
    other.map((token) => `${nameOf(token)} ${token.span}`),
  );
  for (const site of SITES_OF_ALL.filter((each) => other[0]!.states[each])) {
    const states = (tokens: readonly SeenToken[]): number[] => joined(tokens.map((token) => token.states[site]!));
    expect(relativeError(states(one), states(other)), site).toBeLessThan(TOLERANCE);
  }
}
