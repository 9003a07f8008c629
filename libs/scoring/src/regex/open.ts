import { createHash } from 'node:crypto';
import { UserError } from '@sonde/base';
import type { ScorerContext } from '../define-scorer.ts';
import type { Scorer } from '../scorer.ts';
import type { Config } from './config.ts';

/** Opens expressions and word lists. @throws UserError for an expression that is none, or where there is nothing to find */
export async function open({ patterns = {}, words = {} }: Config, { name }: ScorerContext): Promise<Scorer> {
  const sources = new Map<string, string[]>();
  const add = (attribute: string, source: string) =>
    sources.set(attribute, [...(sources.get(attribute) ?? []), source]);
  for (const [attribute, source] of Object.entries(patterns)) add(attribute, source);
  for (const [attribute, list] of Object.entries(words)) {
    add(attribute, `(?<![\\p{L}\\p{N}_])(?:${list.map(asItIs).join('|')})(?![\\p{L}\\p{N}_])`);
  }
  if (sources.size === 0) throw new UserError('config', 'A scorer of kind regex needs `patterns` or `words`.');
  const found = [...sources].map(([attribute, list]) => ({ attribute, tests: list.map((s) => compile(attribute, s)) }));
  const digest = createHash('sha256')
    .update(JSON.stringify([...sources]))
    .digest('hex');
  return {
    identity: { kind: 'regex', name, digest },
    attributes: found.map(({ attribute }) => attribute),
    score: (texts) =>
      texts.map((text) => ({
        outcome: 'ok',
        scores: found.map(({ tests }) => (tests.some((test) => test.test(text)) ? 1 : 0)),
      })),
  };
}

/** What stands for itself in a regular expression. */
function asItIs(word: string): string {
  return word.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}

function compile(attribute: string, source: string): RegExp {
  try {
    return new RegExp(source, 'iu');
  } catch (error) {
    throw new UserError('config', `The pattern of ${attribute} is no regular expression: ${(error as Error).message}.`);
  }
}
