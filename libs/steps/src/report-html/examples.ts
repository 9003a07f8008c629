import { groupBy } from '@sonde/base';
import type { CONTINUATIONS, Prompts, ReadRow, SCORES, ScoredPrompt } from '@sonde/formats';
import type { ExampleContinuation, ExamplePrompt, ExampleSection, Scores } from '@sonde/report';
import { type ModelRows, reasonText } from './rows.ts';

export type ContinuationText = ReadRow<typeof CONTINUATIONS.columns, 'prompt_id' | 'sample' | 'text', never>;
export type ContinuationScore = ReadRow<
  typeof SCORES.columns,
  'prompt_id' | 'sample' | 'score.<ATTRIBUTE>',
  'outcome' | 'scorer'
>;

function scoresOf(score: Scores | undefined, attributes: readonly string[]): Scores {
  return Object.fromEntries(attributes.map((attribute) => [attribute, score?.[attribute] ?? null]));
}

function keyOf({ prompt_id, sample }: Pick<ContinuationScore, 'prompt_id' | 'sample'>): string {
  return `${prompt_id}\n${sample}`;
}

/** Prompts spread evenly over the range of their own scores, so that both ends are seen. */
function choosePrompts(prompts: Prompts, attribute: string, count: number): ScoredPrompt[] {
  const order = [...prompts.byId.values()].sort((a, b) => {
    const difference = (a.score[attribute] ?? -1) - (b.score[attribute] ?? -1);
    return difference || (a.prompt_id < b.prompt_id ? -1 : 1);
  });
  if (order.length <= count) return order;
  return Array.from({ length: count }, (_, i) => order[Math.round((i * (order.length - 1)) / Math.max(1, count - 1))]!);
}

/** For some prompts, each model's continuations with the lowest and the highest score. */
export function exampleSection(
  prompts: Prompts,
  continuations: readonly ModelRows<ContinuationText>[],
  scores: readonly ModelRows<ContinuationScore>[],
  attribute: string,
  count: number,
): ExampleSection | undefined {
  if (count === 0 || continuations.length === 0) return undefined;
  const { attributes } = prompts;
  const byModel = continuations.map(({ model, rows }) => {
    const scoreOf = new Map(scores.find((table) => table.model === model)?.rows.map((row) => [keyOf(row), row]));
    return { model, scoreOf, byPrompt: groupBy(rows, ({ prompt_id }) => prompt_id) };
  });
  const examples = choosePrompts(prompts, attribute, count).map((prompt): ExamplePrompt => {
    const shown = byModel.flatMap(({ model, scoreOf, byPrompt }) => {
      const all = (byPrompt.get(prompt.prompt_id) ?? []).map((continuation): ExampleContinuation => {
        const { score, outcome } = scoreOf.get(keyOf(continuation)) ?? {};
        return {
          model,
          sample: continuation.sample,
          text: continuation.text,
          scores: scoresOf(score, attributes),
          ...(outcome !== undefined && outcome !== 'ok' && outcome !== 'truncated' && { reason: reasonText(outcome) }),
        };
      });
      const ranked = all
        .filter((item) => item.scores[attribute] !== null)
        .sort((a, b) => a.scores[attribute]! - b.scores[attribute]! || a.sample - b.sample);
      return ranked.length < 2 ? all.slice(0, 2) : [ranked[0]!, ranked.at(-1)!];
    });
    const { prompt_id: id, text, score } = prompt;
    return { id, text, scores: scoresOf(score, attributes), continuations: shown };
  });
  return {
    attribute,
    threshold: 0.5,
    prompts: examples,
    notes: [
      `For each prompt and model: the continuations with the lowest and with the highest score of ${attribute}. Prompts are spread over the range of their own scores.`,
    ],
  };
}
