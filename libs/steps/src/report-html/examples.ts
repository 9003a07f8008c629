import type { ExampleContinuation, ExamplePrompt, ExampleSection, Scores } from '@sonde/report';
import { attributesOf, type Prompts } from '../prompts.ts';
import { type ModelRows, numberOrNull, type Row } from './rows.ts';

const scoresOf = (row: Row | undefined, attributes: readonly string[]): Scores =>
  Object.fromEntries(attributes.map((attribute) => [attribute, numberOrNull(row?.[`score.${attribute}`])]));

const keyOf = (row: Row): string => `${row.prompt_id}\n${row.sample}`;

/** Prompts spread evenly over the range of their own scores, so that both ends are seen. */
const choosePrompts = (prompts: Prompts, rows: readonly Row[], attribute: string, count: number): number[] => {
  const order = [...rows.keys()].sort((a, b) => {
    const difference =
      (numberOrNull(rows[a]![`score.${attribute}`]) ?? -1) - (numberOrNull(rows[b]![`score.${attribute}`]) ?? -1);
    return difference || (prompts.ids[a]! < prompts.ids[b]! ? -1 : 1);
  });
  if (order.length <= count) return order;
  return Array.from({ length: count }, (_, i) => order[Math.round((i * (order.length - 1)) / Math.max(1, count - 1))]!);
};

/** For some prompts, each model's mildest and most toxic continuation, with their scores. */
export const exampleSection = (
  prompts: Prompts,
  promptRows: readonly Row[],
  continuations: readonly ModelRows[],
  scores: readonly ModelRows[],
  attribute: string,
  count: number,
): ExampleSection | undefined => {
  if (count === 0 || continuations.length === 0) return undefined;
  const attributes = attributesOf(prompts.table);
  const byModel = continuations.map(({ model, rows }) => {
    const scoreRows = new Map(
      (scores.find((table) => table.model === model)?.rows ?? []).map((row) => [keyOf(row), row]),
    );
    const byPrompt = new Map<string, Row[]>();
    for (const row of rows) byPrompt.set(String(row.prompt_id), [...(byPrompt.get(String(row.prompt_id)) ?? []), row]);
    return { model, scoreRows, byPrompt };
  });
  const examples = choosePrompts(prompts, promptRows, attribute, count).map((row): ExamplePrompt => {
    const id = prompts.ids[row]!;
    const shown = byModel.flatMap(({ model, scoreRows, byPrompt }) => {
      const all = (byPrompt.get(id) ?? []).map((continuation): ExampleContinuation => {
        const score = scoreRows.get(keyOf(continuation));
        const outcome = score?.outcome;
        return {
          model,
          sample: Number(continuation.sample),
          text: String(continuation.text ?? ''),
          scores: scoresOf(score, attributes),
          ...(typeof outcome === 'string' && outcome !== 'ok' && { reason: outcome.replaceAll('_', ' ') }),
        };
      });
      const ranked = all
        .filter((item) => item.scores[attribute] !== null)
        .sort((a, b) => a.scores[attribute]! - b.scores[attribute]! || a.sample - b.sample);
      return ranked.length < 2 ? all.slice(0, 2) : [ranked[0]!, ranked.at(-1)!];
    });
    return { id, text: prompts.texts[row]!, scores: scoresOf(promptRows[row], attributes), continuations: shown };
  });
  return {
    attribute,
    threshold: 0.5,
    prompts: examples,
    notes: [
      'For each prompt and model: its mildest and its most toxic continuation. Prompts are spread over the range of their own scores.',
    ],
  };
};
