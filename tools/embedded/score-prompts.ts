/**
 * Fills the scores of the parlour prompts by the embedded scorer, in place and in RealToxicityPrompts' layout.
 *
 *     npx tsx tools/embedded/score-prompts.ts
 *
 * To be run again whenever the prompts or the scorer change: a test compares what is committed with the scorer.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { resolveEmbedded } from '@sonde/embedded';
import { openLocalScorer, scorerLabel, scoreTexts } from '@sonde/scoring';

interface Row {
  readonly prompt: { readonly text: string };
}

const { path } = resolveEmbedded('parlour-prompts');
const scorer = await openLocalScorer(resolveEmbedded('toxicity').path);
const rows = readFileSync(path, 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as Row);
const outcomes = await scoreTexts(
  scorer,
  rows.map((row) => row.prompt.text),
);
const lines = rows.map((row, i) => {
  const scored = outcomes[i]!;
  if (scored.outcome !== 'ok')
    throw new Error(`line ${i + 1}: the scorer gives "${scored.outcome}" for "${row.prompt.text}"`);
  const named = scorer.attributes.map((attribute, j) => [attribute.toLowerCase(), scored.scores[j]]);
  const prompt = { text: row.prompt.text, ...Object.fromEntries(named) };
  return JSON.stringify({ ...row, prompt, scorer: scorerLabel(scorer.identity) });
});
writeFileSync(path, `${lines.join('\n')}\n`);
console.log(`${rows.length} prompts scored by ${scorerLabel(scorer.identity)}`);
