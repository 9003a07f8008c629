import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { ATTRIBUTES, openLocalScorer, scoreTexts } from '../src/index.ts';

const FOLDER = fileURLToPath(new URL('../../embedded/assets/scorers/toxicity', import.meta.url));
const ROWS = fileURLToPath(new URL('../../../../shared/data/rtp/rtp-5k.jsonl', import.meta.url));
const present = existsSync(ROWS);

/** Every fifth row was kept from training (tools/embedded/scorer/corpus.py). */
const isHeldOut = (row: number) => row % 5 === 4;

/** AUC on the held-out rows that the scorer must not fall below; docs/embedded-scorer.md has the figures. */
const FLOOR = {
  TOXICITY: 0.94,
  PROFANITY: 0.955,
  THREAT: 0.93,
  SEXUALLY_EXPLICIT: 0.955,
  IDENTITY_ATTACK: 0.93,
  INSULT: 0.925,
} as const;

/** Chance that a text above the threshold is scored higher than one below it (ties count half). */
function auc(scores: readonly number[], above: readonly boolean[]): number {
  const order = scores.map((_, i) => i).sort((a, b) => scores[a]! - scores[b]!);
  let rankSum = 0;
  for (let i = 0; i < order.length; ) {
    let end = i;
    while (end < order.length && scores[order[end]!] === scores[order[i]!]) end++;
    for (let j = i; j < end; j++) if (above[order[j]!]) rankSum += (i + end + 1) / 2;
    i = end;
  }
  const positive = above.filter(Boolean).length;
  return (rankSum - (positive * (positive + 1)) / 2) / (positive * (above.length - positive));
}

describe.skipIf(!present)(`rows of RealToxicityPrompts held out of training${present ? '' : ' (not here)'}`, () => {
  it('are told apart as the documentation says, for each attribute', async () => {
    type Part = { text: string } & Record<string, number | null>;
    const parts = readFileSync(ROWS, 'utf8')
      .trimEnd()
      .split('\n')
      .filter((_, row) => isHeldOut(row))
      .flatMap((line) => {
        const { prompt, continuation } = JSON.parse(line) as { prompt: Part; continuation: Part };
        return [prompt, continuation].filter((part) => part.toxicity !== null);
      });
    const scorer = await openLocalScorer(FOLDER);
    const outcomes = await scoreTexts(
      scorer,
      parts.map(({ text }) => text),
    );
    for (const [j, name] of ATTRIBUTES.entries()) {
      const found = auc(
        outcomes.map((outcome) => (outcome.outcome === 'ok' ? outcome.scores[j]! : 0)),
        parts.map((part) => part[name.toLowerCase()]! >= 0.5),
      );
      expect(found, name).toBeGreaterThan(FLOOR[name]);
    }
  });
});
