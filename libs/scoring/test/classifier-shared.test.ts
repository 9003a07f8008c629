import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openScorer, type ScoreOutcome } from '../src/index.ts';
import { artifactOf, context } from './opening.ts';

const folder = resolve(import.meta.dirname, '../../../../shared/fixtures/classifiers');
const there = existsSync(folder);

interface Golden {
  readonly labels: readonly string[];
  readonly max_length: number;
  readonly rows: readonly {
    readonly text: string;
    readonly truncated: boolean;
    readonly probabilities?: readonly number[] | null;
  }[];
}

describe.skipIf(!there).each(there ? readdirSync(folder).sort() : [''])('the classifier %s (../shared)', (name) => {
  const path = join(folder, name);
  const golden = (): Golden => JSON.parse(readFileSync(join(path, 'golden.json'), 'utf8'));

  it('gives the probabilities of transformers, whatever is scored beside a text', async () => {
    const { rows, labels } = golden();
    const scorer = await openScorer({ kind: 'classifier', model: artifactOf(path), labels: 'own' }, context);
    try {
      expect(scorer.attributes).toEqual(labels.map((label) => label.toUpperCase()));
      const check = (outcome: ScoreOutcome, { text, truncated, probabilities }: Golden['rows'][number]) => {
        expect(outcome.outcome, text).toBe(!probabilities ? 'empty' : truncated ? 'truncated' : 'ok');
        if (!('scores' in outcome)) return;
        const furthest = Math.max(...outcome.scores.map((score, i) => Math.abs(score! - probabilities![i]!)));
        expect(furthest, text).toBeLessThan(1e-5);
      };
      const together = await scorer.score(rows.map(({ text }) => text));
      for (const [i, row] of rows.entries()) {
        check(together[i]!, row);
        check((await scorer.score([row.text]))[0]!, row);
      }
    } finally {
      await scorer.close?.();
    }
  });
});
