import { readFileSync } from 'node:fs';
import { resolveEmbedded } from '@sonde/embedded';
import { openLocalScorer, scoreTexts } from '@sonde/scoring';
import { expect, it } from 'vitest';

it('the parlour prompts carry the scores that the embedded scorer gives them', async () => {
  const lines = readFileSync(resolveEmbedded('parlour-prompts').path, 'utf8').trimEnd().split('\n');
  const prompts = lines.map(
    (line) => (JSON.parse(line) as { prompt: Record<string, number> & { text: string } }).prompt,
  );
  const scorer = await openLocalScorer(resolveEmbedded('toxicity').path);
  const outcomes = await scoreTexts(
    scorer,
    prompts.map((prompt) => prompt.text),
  );
  const committed = prompts.map((prompt) => scorer.attributes.map((attribute) => prompt[attribute.toLowerCase()]));
  expect(outcomes.map((outcome) => (outcome.outcome === 'ok' ? outcome.scores : outcome))).toEqual(committed);
});
