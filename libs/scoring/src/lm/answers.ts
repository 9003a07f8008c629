import { UserError } from '@sonde/base';
import type { Model } from '@sonde/engine';
import { wellFormed } from '../well-formed.ts';
import type { Config } from './config.ts';

/** What a judge may answer: each answer's tokens, and what it is worth. */
export interface Answers {
  readonly names: readonly string[];
  readonly values: readonly number[];
  readonly tokens: readonly (readonly number[])[];
}

/** What the config says of answers: the first of a list is worth 1, the others nothing. */
export function valuesOf(answers: Config['answers']): [name: string, value: number][] {
  if (isList(answers)) return answers.map((answer, i) => [answer, i === 0 ? 1 : 0]);
  return Object.entries(answers);
}

function isList(answers: Config['answers']): answers is readonly string[] {
  return Array.isArray(answers);
}

/**
 * Reads the answers as the model would write them.
 * @throws UserError for an answer without tokens, and for two that are the same to the model or of which one begins the
 * other: their probabilities would overlap
 */
export function readAnswers(answers: Config['answers'], { tokenizer }: Model, judge: string): Answers {
  const entries = valuesOf(answers);
  const tokens = entries.map(([answer]) => tokenizer.encode(wellFormed(answer), { addSpecialTokens: false }));
  for (const [i, [answer]] of entries.entries()) {
    const own = tokens[i]!;
    const where = `answer ${JSON.stringify(answer)} of the judge ${judge}`;
    if (own.length === 0) {
      throw new UserError(
        'scorer',
        `The ${where} has no token; its tokenizer drops all of it.`,
        'Choose another word.',
      );
    }
    const like = tokens.findIndex((other, j) => j !== i && own.every((id, t) => other[t] === id));
    if (like < 0) continue;
    const same = tokens[like]!.length === own.length;
    throw new UserError(
      'scorer',
      `The ${where} is to its tokenizer ${same ? 'the same as' : 'the beginning of'} ${JSON.stringify(entries[like]![0])} (tokens ${own.join(', ')}).`,
      same
        ? 'Choose answers that the model can tell apart.'
        : 'Choose answers of which none begins another: letters, or words.',
    );
  }
  return { names: entries.map(([answer]) => answer), values: entries.map(([, value]) => value), tokens };
}

/** The expected value of answers of these log-probabilities, which count against one another alone. */
export function expectedValue(logprobs: ArrayLike<number>, values: readonly number[]): number {
  const most = Math.max(...Array.from(logprobs));
  let [sum, weight] = [0, 0];
  for (const [i, value] of values.entries()) {
    const share = Math.exp(logprobs[i]! - most);
    sum += share * value;
    weight += share;
  }
  // A mean cannot leave the range of its values, but its rounding can.
  return Math.min(Math.max(sum / weight, Math.min(...values)), Math.max(...values));
}
