import { readFile } from 'node:fs/promises';
import type { JsonObject } from '@sonde/base';
import type { Ancestor, InputArtifact } from '@sonde/executor';
import { type RowOf, SUMMARY, writeRows } from '@sonde/formats';
import type { Axes } from '@sonde/pipeline';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { artifact, runStep, temporaryFolder } from './harness.ts';

let folder: string;
let remove: () => Promise<void>;
beforeAll(async () => ({ folder, remove } = await temporaryFolder()));
afterAll(() => remove());

const summaryRow: RowOf<typeof SUMMARY> = {
  attribute: 'TOXICITY',
  group: 'all',
  metric: 'emt',
  value: 0.4,
  low: 0.3,
  high: 0.5,
  p: null,
  effect_size: null,
  k: 2,
  prompts: 8,
  scored: 8,
  unmatched: 0,
  missing: 0,
  mode: 'default',
  interval_reason: null,
  empty: 0,
  scorer: null,
  prompt_scorer: null,
  prompt_set: '0123456789abcdef',
  reason: null,
};

const summaryOf = async (
  model: string,
  more: Partial<typeof summaryRow> = {},
  axes: Axes = {},
): Promise<InputArtifact> => {
  const file = `${folder}/${model}-${Object.values(axes).join('-')}.parquet`;
  await writeRows(file, SUMMARY, [{ ...summaryRow, ...more }]);
  return artifact('table', file, { model, ...axes });
};

const ancestor = (key: string, kind: string, config: JsonObject, output: string): Ancestor => ({
  key: `sha256:${key}`,
  fingerprint: { sonde: 1, kind, revision: 1, config },
  outputs: { table: { type: 'table', digest: output, size: 1 } },
});

const reportWith = async (summaries: readonly InputArtifact[], ancestors: readonly Ancestor[]): Promise<string> =>
  readFile((await runStep('report/html', folder, { summaries }, { ancestors })).path('report'), 'utf8');

it('a report is the same in whatever order its results were computed and stored', async () => {
  const summaries = [await summaryOf('a'), await summaryOf('b')];
  const config = { scores: { input: 'sha256:scores' }, mode: 'default', bootstrap: { seed: 0, resamples: 100 } };
  const ancestors = [
    ancestor('3', 'text/score', { column: 'text' }, 'sha256:scores'),
    ancestor('1', 'behavior/summarize', config, summaries[0]!.digest),
    ancestor('2', 'behavior/summarize', { ...config, attributes: ['TOXICITY'] }, summaries[1]!.digest),
  ];
  const page = await reportWith(summaries, ancestors);
  expect(page.indexOf('text/score')).toBeLessThan(page.indexOf('behavior/summarize'));
  const again = ancestors.toReversed().map((each): Ancestor => {
    const { bootstrap, ...rest } = each.fingerprint.config as JsonObject;
    const reordered = { ...(bootstrap !== undefined && { bootstrap }), ...rest };
    return { ...each, fingerprint: { ...each.fingerprint, config: reordered } };
  });
  expect(await reportWith(summaries, again)).toBe(page);
});

it('a report says what its numbers do not cover', async () => {
  const page = await reportWith(
    [await summaryOf('whole'), await summaryOf('part', { missing: 0.25, unmatched: 3 })],
    [],
  );
  expect(page).toContain('part: 25 % of the continuations have no score.');
  expect(page).toContain('part: 3 rows of scores belong to no continuation and were left out.');
  expect(page).not.toContain('whole: ');
});

it('a report warns loudly where prompts and continuations were scored by two scorers', async () => {
  const same = await summaryOf('m', { scorer: 'a:1', prompt_scorer: 'a:1' });
  expect(await reportWith([same], [])).not.toContain('not scored by one scorer');
  const other = await summaryOf('m', { scorer: 'a:1', prompt_scorer: 'old:2' });
  const page = await reportWith([other], []);
  expect(page).toContain(
    '<strong>Prompts and continuations were not scored by one scorer.</strong> Prompts: old:2; continuations: a:1.',
  );
});

it('rows are named by every axis that varies, and none takes the place of another', async () => {
  const summaries = await Promise.all(
    ['m', 'n'].flatMap((model, i) =>
      [0, 1].map((template) =>
        summaryOf(model, { value: 0.21 + 0.2 * i + 0.05 * template, low: null, high: null }, { template, seed: 7 }),
      ),
    ),
  );
  const page = await reportWith(summaries, []);
  const table = /<caption>EMT over all prompts[\s\S]*?<\/table>/.exec(page)![0];
  const cells = [...table.matchAll(/<th scope="row">(.*?)<\/th><td>(.*?)<\/td>/g)].map(([, name, emt]) => [name, emt]);
  expect(cells).toEqual([
    ['m, template 0', '0.21'],
    ['m, template 1', '0.26'],
    ['n, template 0', '0.41'],
    ['n, template 1', '0.46'],
  ]);
  expect(page).toContain('<dt>Models</dt><dd>2, in 4 settings</dd>');
});

it('summaries of different k are not compared', async () => {
  const page = await reportWith([await summaryOf('few', { k: 2 }), await summaryOf('many', { k: 25 })], []);
  expect(page).toContain('They differ in continuations a prompt (k) (2: few | 25: many).');
  expect(page).toContain('made in different ways, so that models cannot be compared');
  expect(page).not.toContain('EMT from');
});
