import { UserError } from '@sonde/base';
import { plainHead } from '@sonde/networks';
import { byLength, evenRunsOf } from './decoding/batches.ts';
import { explainNonFinite } from './finite.ts';
import { planInterventions } from './interventions.ts';
import { internalsOf, type Model } from './model.ts';
import { featuresOf } from './options.ts';
import { checkIds } from './prompts.ts';
import { NonFiniteStates } from './states.ts';
import type { RunHooks } from './types.ts';
import { readWhole, type WholeSequence } from './whole.ts';

type Tokens = readonly number[];

/** Most logits (rows × vocabulary) in one run. */
const LOGITS_PER_RUN = 2 ** 24;

/** What is read behind each prompt, and the answers whose tokens it leads to. */
interface Branch {
  readonly read: Tokens;
  readonly answers: readonly number[];
}

/**
 * How probable a model finds each of several answers behind each prompt: the sum of its tokens' natural
 * log-probabilities. Nothing is sampled; answers of one token all stand on one reading of the prompt, of longer ones
 * those that begin alike share theirs.
 * @param prompts tokens of each, special tokens included
 * @param answers tokens of each, one or more
 * @returns [prompts, answers], in the order given; up to rounding they do not depend on what else is read
 * @throws UserError for tokens that cannot be read, or log-probabilities that are not finite; the signal's reason
 */
export async function answerLogprobs(
  model: Model,
  prompts: readonly Tokens[],
  answers: readonly Tokens[],
  { onProgress, signal }: Pick<RunHooks, 'onProgress' | 'signal'> = {},
): Promise<Float64Array> {
  checkTokens(model, prompts, answers);
  const { engine: open, decoder } = internalsOf(model);
  const plan = planInterventions([], decoder);
  const engine = await open(featuresOf(null, plan));
  const logprobs = new Float64Array(prompts.length * answers.length);
  const branches = branchesOf(answers);
  const order = byLength(prompts.map((ids) => ids.length));
  let done = 0;
  for (const { read, answers: ofBranch } of branches) {
    const rows = ofBranch.flatMap((a) => answers[a]!.map((token, t) => ({ answer: a, token, back: read.length - t })));
    const most = Math.max(1, Math.floor(LOGITS_PER_RUN / (model.config.vocabSize * rows.length)));
    for (const [start, end] of evenRunsOf(order.map((place) => prompts[place]!.length + read.length))) {
      for (let from = start; from < end; from += most) {
        signal?.throwIfAborted();
        const places = order.slice(from, Math.min(end, from + most));
        const group = places.map((place): WholeSequence => ({ id: `${place}`, ids: [...prompts[place]!, ...read] }));
        const whole = readWhole(engine.sizes, group, plan);
        const at = group.flatMap(({ ids }, i) => rows.map(({ back }) => i * whole.tokens + ids.length - 1 - back));
        const next = group.flatMap(() => rows.map(({ token }) => token));
        const found = await engine.run({
          ...whole,
          last: true,
          head: plainHead(Int32Array.from(at), Int32Array.from(next)),
        });
        for (const [i, place] of places.entries()) {
          for (const [r, { answer }] of rows.entries())
            logprobs[place * answers.length + answer]! += found.logprobs[i * rows.length + r]!;
        }
        if (!found.logprobs.every(Number.isFinite)) {
          const cause = new NonFiniteStates('A log-probability is not finite.');
          throw await explainNonFinite(model, engine, plan, group, cause);
        }
        done += places.length;
        onProgress?.({ done: Math.floor(done / branches.length), total: prompts.length });
      }
    }
  }
  return logprobs;
}

/** What has to be read so that every token of every answer is predicted: all but each answer's last. */
function branchesOf(answers: readonly Tokens[]): Branch[] {
  const reads = answers.map((ids) => ids.slice(0, -1));
  const kept = reads.filter(
    (ids, i) =>
      !reads.some(
        (other, j) => begins(other, ids) && (other.length > ids.length || (other.length === ids.length && j < i)),
      ),
  );
  const branchOf = reads.map((ids) => kept.findIndex((branch) => begins(branch, ids)));
  return kept.map((read, b) => ({ read, answers: [...branchOf.keys()].filter((a) => branchOf[a] === b) }));
}

function begins(whole: Tokens, beginning: Tokens): boolean {
  return beginning.every((id, i) => whole[i] === id);
}

/** @throws UserError if a prompt or an answer is empty, has a token that is not in the vocabulary, or both are too long */
function checkTokens({ config }: Model, prompts: readonly Tokens[], answers: readonly Tokens[]): void {
  const longest = Math.max(0, ...answers.map((ids) => ids.length));
  for (const [i, ids] of answers.entries()) {
    if (ids.length === 0) throw new UserError('model', `Answer ${i} has no token; expected one or more.`);
    checkIds(ids, config.vocabSize, `Answer ${i}`);
  }
  for (const [i, ids] of prompts.entries()) {
    if (ids.length === 0) throw new UserError('model', `Prompt ${i} has no token; expected one or more.`);
    checkIds(ids, config.vocabSize, `Prompt ${i}`);
    if (ids.length + longest - 1 <= config.maxPositions) continue;
    throw new UserError(
      'model',
      `Prompt ${i} has ${ids.length} tokens; with an answer of ${longest} that is more than the model's context of ${config.maxPositions}.`,
    );
  }
}
