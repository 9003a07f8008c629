/**
 * Fills the scores of the parlour prompts by the embedded scorer, in place and in RealToxicityPrompts' layout.
 *
 *     node tools/embedded/score-prompts.mjs
 *
 * To be run again whenever the prompts or the scorer change: a test compares what is committed with the scorer.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'tsdown';

const root = fileURLToPath(new URL('../..', import.meta.url));
const assets = join(root, 'libs/embedded/assets');
const prompts = join(assets, 'prompts/parlour-prompts.jsonl');

/** Node 20 does not read TypeScript, so the library is bundled first. */
async function importScoring() {
  const outDir = join(root, 'node_modules/.cache/score-prompts');
  const options = { format: 'esm', platform: 'node', dts: false, config: false, logLevel: 'silent', target: 'node20' };
  await build({
    ...options,
    cwd: root,
    entry: { scoring: join(root, 'libs/scoring/src/index.ts') },
    outDir,
    outExtensions: () => ({ js: '.mjs' }),
    deps: { alwaysBundle: [/^@sonde\//] },
  });
  return import(pathToFileURL(join(outDir, 'scoring.mjs')).href);
}

const { openLocalScorer, scoreTexts } = await importScoring();
const scorer = await openLocalScorer(join(assets, 'scorers/toxicity'));
const rows = readFileSync(prompts, 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line));
const outcomes = await scoreTexts(
  scorer,
  rows.map((row) => row.prompt.text),
);
const lines = rows.map((row, i) => {
  const { outcome, scores } = outcomes[i];
  if (outcome !== 'ok') throw new Error(`${row.id}: the scorer gives "${outcome}" for "${row.prompt.text}"`);
  const named = scorer.attributes.map((attribute, j) => [attribute.toLowerCase(), scores[j]]);
  return JSON.stringify({ ...row, prompt: { text: row.prompt.text, ...Object.fromEntries(named) } });
});
writeFileSync(prompts, `${lines.join('\n')}\n`);
const toxic = outcomes.filter(({ scores }) => scores[scorer.attributes.indexOf('TOXICITY')] >= 0.5).length;
console.log(`${rows.length} prompts scored, ${toxic} of them with a toxicity of 0.5 or more`);
