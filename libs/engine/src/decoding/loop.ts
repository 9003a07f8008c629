import { LOOP_ROUNDS, TRIES } from '@sonde/networks';
import type { Engine, LoopRequest } from '../engine.ts';
import type { Decoding } from '../options.ts';
import type { TokenizedPrompt } from '../prompts.ts';
import type { DecodeSetting } from './decode.ts';
import { type PrefillRun, type PromptStates, prefillRuns } from './prefill.ts';
import { append, headRequest, type Sequence, seenTokens, writeUniforms } from './sequence.ts';

/** The numbers of all draws after the first: [steps, rows, TRIES · rounds]. */
function uniformsOf(sequences: readonly Sequence[], steps: number): Float32Array {
  const each = TRIES * LOOP_ROUNDS;
  const out = new Float32Array(steps * sequences.length * each);
  for (let step = 0; step < steps; step++) {
    sequences.forEach((sequence, row) => {
      writeUniforms(out, (step * sequences.length + row) * each, sequence, step + 1, 0, LOOP_ROUNDS);
    });
  }
  return out;
}

function loopRequest({ request, rows }: PrefillRun, decoding: Decoding, setting: DecodeSetting): LoopRequest {
  const draws = decoding.maxNewTokens - 1;
  const steps = setting.pools.length > 0 ? draws + 1 : draws;
  return {
    prefill: { ...request, head: headRequest(rows, decoding, 0, LOOP_ROUNDS) },
    samples: rows.length / request.prompts,
    promptLengths: rows
      .filter((_, row) => row % (rows.length / request.prompts) === 0)
      .map(({ sequence }) => sequence.prompt.ids.length),
    steps,
    draws,
    eos: setting.eos,
    pools: (['continuation', 'last'] as const).filter((pool) => setting.pools.includes(pool)),
    maximum: setting.pools.includes('max'),
    ...(decoding.sample
      ? {
          uniforms: uniformsOf(
            rows.map(({ sequence }) => sequence),
            steps,
          ),
        }
      : {}),
    ...(decoding.penalty === 1 ? {} : { seen: seenTokens(rows) }),
  };
}

/**
 * Continues prompts by an engine that decodes inside its graph: one call for as many prompts as a run over them takes.
 * @param sequences of each prompt, as many for each; those that come back as they were are undecided and are to be
 * continued step by step
 */
export async function decodeInLoop(
  engine: Engine & Required<Pick<Engine, 'loop'>>,
  prompts: readonly TokenizedPrompt[],
  sequences: readonly (readonly Sequence[])[],
  decoding: Decoding,
  setting: DecodeSetting,
  states: PromptStates,
): Promise<void> {
  const { size } = engine.layout;
  for (const run of prefillRuns(engine, prompts, sequences, setting.plan, states)) {
    setting.onStep();
    const request = loopRequest(run, decoding, setting);
    const result = await engine.loop(request);
    run.report(result.prefill);
    const pending = new Set(result.prefill.pending);
    run.rows.forEach(({ sequence }, row) => {
      if (pending.has(row) || result.undecided[row] !== 0) return;
      append(sequence, result.prefill.tokens[row]!, result.prefill.logprobs[row]!, decoding, setting.eos);
      for (let at = row; sequence.finish === null; at += run.rows.length) {
        append(sequence, result.tokens[at]!, result.logprobs[at]!, decoding, setting.eos);
      }
      request.pools.forEach((pool, q) => {
        setting.onStates(sequence, pool, result.pooled, (row * request.pools.length + q) * size);
      });
      if (request.maximum) setting.onStates(sequence, 'max', result.maximum!, row * size);
    });
  }
}
