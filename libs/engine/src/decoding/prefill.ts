import type { Cache } from '@sonde/networks';
import type { Engine, RunRequest, RunResult } from '../engine.ts';
import type { Plan } from '../interventions.ts';
import type { Decoding } from '../options.ts';
import { requireSpan, type TokenizedPrompt } from '../prompts.ts';
import { eachToken, readWhole, spanWeights } from '../whole.ts';
import { runsOf, tokensPerRun } from './batches.ts';
import { joinCaches } from './caches.ts';
import { advance, type DrawRow, type Sequence } from './sequence.ts';

/** What is wanted of the prompts' states. */
export interface PromptStates {
  /** `prompt`: the sum over the prompt's own tokens; `tokens`: each token's. */
  readonly pools: readonly ('prompt' | 'tokens')[];
  /** @param position of the token, for `tokens` */
  readonly onStates: (
    prompt: TokenizedPrompt,
    pool: 'prompt' | 'tokens',
    pooled: Float32Array,
    offset: number,
    position: number,
  ) => void;
}

/** Runs over prompts, cut to size, that also decide the first token of each of their sequences. */
export interface PrefillRun {
  /** The prompts [start, end). */
  readonly start: number;
  readonly end: number;
  readonly request: RunRequest;
  /** The sequences that the head decides for, prompt by prompt. */
  readonly rows: readonly DrawRow[];
  /** Tells of the prompts' states in the result. */
  report(result: RunResult): void;
}

/** @param sequences of each prompt, as many for each */
export function prefillRuns(
  engine: Engine,
  prompts: readonly TokenizedPrompt[],
  sequences: readonly (readonly Sequence[])[],
  plan: Plan,
  { pools, onStates }: PromptStates,
): PrefillRun[] {
  const [pooled, everyToken] = [pools.includes('prompt'), pools.includes('tokens')];
  const lengths = prompts.map((prompt) => prompt.ids.length);
  return runsOf(lengths, tokensPerRun(engine, everyToken)).map(([start, end]) => {
    const group = prompts.slice(start, end);
    const whole = readWhole(engine.sizes, group, plan);
    const { tokens } = whole;
    const rows = group.flatMap((prompt, i) =>
      sequences[start + i]!.map((sequence) => ({ sequence, token: i * tokens + prompt.ids.length - 1 })),
    );
    const ranges = group.map((prompt) => [
      ...(pooled ? [requireSpan(prompt)] : []),
      ...(everyToken ? eachToken(prompt.ids.length, tokens) : []),
    ]);
    const count = ranges[0]!.length;
    const request = { ...whole, ...(count > 0 ? { pool: spanWeights(ranges, tokens) } : {}) };
    const report = (result: RunResult): void => {
      for (const [i, prompt] of group.entries()) {
        const offset = i * count * engine.layout.size;
        if (pooled) onStates(prompt, 'prompt', result.pooled, offset, 0);
        for (let t = 0; everyToken && t < prompt.ids.length; t++) {
          onStates(prompt, 'tokens', result.pooled, offset + (count - tokens + t) * engine.layout.size, t);
        }
      }
    };
    return { start, end, request, rows, report };
  });
}

/** Reads prompts, keeps their cache, and gives each of their sequences its first token. */
export async function prefill(
  engine: Engine,
  prompts: readonly TokenizedPrompt[],
  sequences: readonly (readonly Sequence[])[],
  decoding: Decoding,
  setting: { readonly plan: Plan; readonly eos: readonly number[] },
  states: PromptStates,
): Promise<Cache> {
  const caches: { cache: Cache; prompts: number }[] = [];
  for (const run of prefillRuns(engine, prompts, sequences, setting.plan, states)) {
    const result = await advance(engine, run.request, run.rows, decoding, setting.eos);
    run.report(result);
    caches.push({ cache: result.present, prompts: run.end - run.start });
  }
  return joinCaches(engine, caches);
}
