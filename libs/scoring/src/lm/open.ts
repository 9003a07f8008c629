import { createHash } from 'node:crypto';
import { UserError } from '@sonde/base';
import { answerLogprobs, type Model, openModel } from '@sonde/engine';
import type { ScorerContext } from '../define-scorer.ts';
import { notKept } from '../not-kept.ts';
import type { ScoreOutcome, Scorer } from '../scorer.ts';
import { wellFormed } from '../well-formed.ts';
import { type Answers, expectedValue, readAnswers, valuesOf } from './answers.ts';
import type { Config } from './config.ts';
import { questionTokens } from './question.ts';

/** Texts that are read before the next progress is told. */
const BATCH = 64;

/**
 * Opens a language model as judge. Its score of a text is what the answers are worth, each weighed by its probability
 * against the others; nothing is sampled.
 * @throws UserError if the model cannot be read, or takes two answers for one
 */
export async function open(config: Config, { name, device, threads, keepQuantized }: ScorerContext): Promise<Scorer> {
  const { model: source, adapter, dtype, quantization, layerwise_casting: layerwiseCasting = false } = config;
  const model = await openModel(source.path, {
    device,
    threads,
    ...(adapter && { adapter: adapter.path }),
    ...(dtype && { dtype }),
    ...(quantization && { quantization }),
    ...(layerwiseCasting && { layerwiseCasting }),
    ...(keepQuantized && { keepQuantized: keepQuantized(source) }),
  });
  try {
    const chat = config.chat ?? model.tokenizer.hasChatTemplate;
    if (chat && !model.tokenizer.hasChatTemplate) {
      throw new UserError(
        'config',
        `The judge ${name} has no chat template.`,
        '`chat: false` reads the template as it stands.',
      );
    }
    const questions = questionsOf(config).map(([attribute, template]) => ({
      attribute,
      asking: { template, system: config.system, chat },
    }));
    const answers = readAnswers(config.answers, model, name);
    const room = model.config.maxPositions - Math.max(...answers.tokens.map((ids) => ids.length)) + 1;
    const { values } = answers;
    const digests = [
      source.digest,
      adapter?.digest ?? null,
      dtype ?? null,
      quantization ?? null,
      ...(layerwiseCasting ? ['layerwise_casting'] : []),
    ];
    const settings = JSON.stringify([
      digests,
      questionsOf(config),
      config.system ?? null,
      chat,
      valuesOf(config.answers),
    ]);
    const scorer = {
      identity: {
        kind: 'lm',
        name,
        digest: createHash('sha256').update(settings).digest('hex'),
        model: source.digest,
        ...(adapter && { adapter: adapter.digest }),
        ...(dtype && { dtype }),
        ...(quantization && { quantization }),
        ...(layerwiseCasting && { layerwise_casting: true }),
        templates: questionsOf(config).map(([attribute, template]) => `${attribute}=${template}`),
        ...(config.system !== undefined && { system: config.system }),
        chat,
        answers: valuesOf(config.answers).map(([answer, value]) => `${answer}=${value}`),
      },
      attributes: questions.map(({ attribute }) => attribute),
      unbounded: values.some((value) => value < 0 || value > 1),
    };
    if (config.record === 'only') {
      await model.close();
      return { ...scorer, onlyKept: true, score: (texts) => texts.map(notKept) };
    }
    return {
      ...scorer,
      byLength: true,
      batchSize: BATCH,
      async score(texts) {
        const asked = texts.map((text) => {
          if (text.trim() === '') return [];
          return questions.map(({ asking }) => questionTokens(model, asking, wellFormed(text)));
        });
        const fits = (ids: readonly (readonly number[])[]): boolean => ids.every(({ length }) => length <= room);
        const judged = await judge(model, asked.filter(fits).flat(), answers);
        let at = 0;
        return asked.map((ids): ScoreOutcome => {
          if (ids.length === 0) return { outcome: 'empty' };
          if (fits(ids)) {
            const own = judged.slice(at, at + ids.length);
            at += ids.length;
            const response = Object.fromEntries(questions.map(({ attribute }, i) => [attribute, own[i]!.logprobs]));
            return { outcome: 'ok', scores: own.map(({ score }) => score), answer: { request: null, response } };
          }
          const longest = Math.max(...ids.map(({ length }) => length));
          return { outcome: 'too_long', detail: `${longest} tokens with the question; at most ${room} are read` };
        });
      },
      close: () => model.close(),
    };
  } catch (error) {
    await model.close();
    throw error;
  }
}

/** What is asked, by attribute. */
function questionsOf({ template }: Config): [attribute: string, template: string][] {
  return typeof template === 'string' ? [['TOXICITY', template]] : Object.entries(template);
}

/** What a judge says to one question: each answer's log-probability, and what they are worth. */
interface Judged {
  readonly logprobs: Readonly<Record<string, number>>;
  readonly score: number;
}

async function judge(
  model: Model,
  prompts: readonly (readonly number[])[],
  { names, tokens, values }: Answers,
): Promise<Judged[]> {
  if (prompts.length === 0) return [];
  const all = await answerLogprobs(model, prompts, tokens);
  return prompts.map((_, i) => {
    const logprobs = all.subarray(i * names.length, (i + 1) * names.length);
    return {
      logprobs: Object.fromEntries(names.map((name, a) => [name, logprobs[a]!])),
      score: expectedValue(logprobs, values),
    };
  });
}
