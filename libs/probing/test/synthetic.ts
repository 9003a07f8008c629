import { digestStream } from '@sonde/numerics';
import { groupedFolds, type PenaltyOptions, type ProbeOptions, trainProbes } from '../src/index.ts';

/** Seeded uniform numbers in (−1, 1). */
export function noise(seed: number, name: string): () => number {
  const stream = digestStream(seed, name);
  return () => (stream.word() / 0x100000000) * 2 - 1;
}

/** Prompts with some rows each, random states, and a target that the first dimensions tell. */
export function synthetic(options: { prompts: number; rows: number; d: number; seed: number; noise?: number }) {
  const random = noise(options.seed, 'synthetic');
  const n = options.prompts * options.rows;
  const groups = Array.from({ length: n }, (_, row) => `prompt-${Math.floor(row / options.rows)}`);
  const states = Float32Array.from({ length: n * options.d }, random);
  const values = Float64Array.from({ length: n }, (_, row) => {
    const at = row * options.d;
    return states[at]! - 0.5 * states[at + Math.min(1, options.d - 1)]! + (options.noise ?? 0.3) * random();
  });
  return { n, groups, states, d: options.d, values };
}

/** From far too little to far too much for such data. */
export const PENALTIES = [0.01, 0.1, 1, 10, 100, 1000, 10_000, 100_000, 1_000_000];

/** Options that probe the synthetic target by ridge. */
export function optionsFor(
  data: ReturnType<typeof synthetic>,
  { penalties = PENALTIES, scale, threads, extend = false, ...more }: Partial<ProbeOptions & PenaltyOptions> = {},
): ProbeOptions {
  return {
    states: data.states,
    d: data.d,
    groups: data.groups,
    folds: groupedFolds(data.groups, 4, 0),
    targets: [{ scenario: 'output', name: 'TOXICITY', values: data.values }],
    seed: 0,
    learner: {
      name: 'ridge',
      penalties,
      extend,
      ...(scale !== undefined && { scale }),
      ...(threads && { threads }),
    },
    ...more,
  };
}

/** The result of a single target. */
export async function one(options: ProbeOptions) {
  return (await trainProbes(options))[0]!;
}
