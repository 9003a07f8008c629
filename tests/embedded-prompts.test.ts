import { readFileSync } from 'node:fs';
import { resolveEmbedded } from '@sonde/embedded';
import { openLocalScorer, scorerLabel, scoreTexts } from '@sonde/scoring';
import { expect, it } from 'vitest';

it('the parlour prompts carry the scores that the embedded scorer gives them', async () => {
  const lines = readFileSync(resolveEmbedded('parlour-prompts').path, 'utf8').trimEnd().split('\n');
  const parsed = lines.map(
    (line) => JSON.parse(line) as { prompt: Record<string, number> & { text: string }; scorer: string },
  );
  const prompts = parsed.map(({ prompt }) => prompt);
  const scorer = await openLocalScorer(resolveEmbedded('toxicity').path);
  const outcomes = await scoreTexts(
    scorer,
    prompts.map((prompt) => prompt.text),
  );
  const committed = prompts.map((prompt) => scorer.attributes.map((attribute) => prompt[attribute.toLowerCase()]));
  expect(outcomes.map((outcome) => (outcome.outcome === 'ok' ? outcome.scores : outcome))).toEqual(committed);
  expect(new Set(parsed.map((row) => row.scorer))).toEqual(new Set([scorerLabel(scorer.identity)]));
});
