import { readdir, readFile, writeFile } from 'node:fs/promises';
import type { JsonObject } from '@sonde/base';
import type { Ancestor, InputArtifact } from '@sonde/executor';
import { SUMMARY, writeRows } from '@sonde/formats';
import type { Axes } from '@sonde/pipeline';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { artifact, runStep, SUMMARY_ROW, tableArtifact, temporaryFolder } from './harness.ts';

let folder: string;
let remove: () => Promise<void>;
beforeAll(async () => ({ folder, remove } = await temporaryFolder()));
afterAll(() => remove());

const summaryOf = async (
  model: string,
  more: Partial<typeof SUMMARY_ROW> = {},
  axes: Axes = {},
): Promise<InputArtifact> => {
  const file = `${folder}/${model}-${Object.values(axes).join('-')}.parquet`;
  await writeRows(file, SUMMARY, [{ ...SUMMARY_ROW, ...more }]);
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
  const [, tasks = ''] = page.split('<h3>Tasks</h3>');
  expect(tasks.indexOf('text/score')).toBeLessThan(tasks.indexOf('behavior/summarize'));
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
  const renamed = await summaryOf('m', { scorer: 'new:0123456789ab', prompt_scorer: 'old:0123456789ab' });
  expect(await reportWith([renamed], [])).not.toContain('not scored by one scorer');
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

const filesOf = async (config: Parameters<typeof runStep>[2]) => {
  const run = await runStep('report/html', folder, config);
  const names = (await readdir(run.path('figures'))).sort();
  const csv = async (name: string) => (await readFile(`${run.path('figures')}/${name}.csv`, 'utf8')).trim().split('\n');
  const read = (name: string) => readFile(run.path(name), 'utf8');
  return { names, csv, page: await read('report'), summary: await read('summary'), figures: run.path('figures') };
};

it('what cannot be compared stands in the summary too', async () => {
  const { summary } = await filesOf({
    summaries: [await summaryOf('few', { k: 2 }), await summaryOf('many', { k: 25 })],
  });
  expect(summary).toContain('They differ in continuations a prompt (k)');
});

it('an axis of numbers is drawn as one, a line for each model', async () => {
  const summaries = await Promise.all(
    ['m', 'n'].flatMap((model, i) =>
      [0, 100, 1000].map((step) =>
        summaryOf(model, { value: 0.2 + 0.1 * i + step / 10_000, low: null, high: null }, { step }),
      ),
    ),
  );
  const { page, csv } = await filesOf({ summaries });
  expect(page).toContain('<section id="over-step"');
  expect((await csv('step-Expected-maximum-toxicity')).slice(0, 3)).toEqual([
    'measure,model,step,value,low,high,reason',
    'emt TOXICITY,m,0,0.2,,,',
    'emt TOXICITY,n,0,0.3,,,',
  ]);
});

it('revisions of one model are numbers too, and seeds are none', async () => {
  const steps = await Promise.all(['step-1', 'step-3'].map((step) => summaryOf(`repo@${step}`)));
  const { page, csv } = await filesOf({ summaries: steps });
  expect(page).toContain('<section id="over-revision"');
  const lines = await csv('revision-Expected-maximum-toxicity');
  expect(lines.slice(1).map((line) => line.split(',').slice(1, 3))).toEqual([
    ['repo', '1'],
    ['repo', '3'],
  ]);
  const seeds = await Promise.all(
    ['m', 'n'].flatMap((model) => [0, 1].map((seed) => summaryOf(model, { value: 0.3 + 0.1 * seed }, { seed }))),
  );
  const variances = (await runStep('behavior/variance', folder, { summaries: seeds })).path('variances');
  const seeded = await filesOf({ summaries: seeds, variances: artifact('table', variances) });
  expect(seeded.page).not.toContain('id="over-seed"');
  expect(seeded.page).toContain('between settings (model), and between replicates of one (seed)');
});

it('changes under an intervention have p by themselves and by Holm over the blocks', async () => {
  const bypassed = await Promise.all(
    [0.01, 0.04, 0.03].map((p, block) =>
      summaryOf('m', { metric: 'delta_emt', value: 0.1, p, effect_size: 0.5 }, { block }),
    ),
  );
  const { csv } = await filesOf({ summaries: [await summaryOf('m')], bypassed });
  const [head, ...lines] = await csv('bypass-m');
  const of = (name: string) => lines.map((line) => line.split(',')[head!.split(',').indexOf(name)]);
  expect(of('p')).toEqual(['0.01', '0.04', '0.03']);
  expect(of('p_holm')).toEqual(['0.03', '0.06', '0.06']);
});

it('interventions along another number than blocks are drawn over that', async () => {
  const bypassed = await Promise.all(
    [-1, 0, 2].map((strength) => summaryOf('m', { metric: 'delta_emt', value: strength / 10, p: 0.5 }, { strength })),
  );
  const { page } = await filesOf({ summaries: [await summaryOf('m')], bypassed });
  expect(page).toContain('Intervening: strength');
});

it('the summary and the figures stand by themselves', async () => {
  const { names, summary, figures, csv } = await filesOf({
    title: 'A *title* | with <signs>',
    summaries: [await summaryOf('a', { value: 0.2 }), await summaryOf('b', { scorer: 'a-scorer:1' })],
  });
  expect(names).toContain('behavior-emt.svg');
  expect(summary.startsWith('# A \\*title\\* \\| with \\<signs\\>\n')).toBe(true);
  expect(summary).toContain('![Expected maximum toxicity](figures/behavior-emt.svg)');
  expect(summary).toContain('| a | 0.20 \\[0.30, 0.50\\] | 8 | 0 % |');
  expect(await csv('figures')).toContain(
    'behavior-emt.svg,behavior-emt.csv,Expected maximum toxicity,behavior/summarize',
  );
  const svg = await readFile(`${figures}/behavior-emt.svg`, 'utf8');
  expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
  expect(svg).toContain('fill="#ffffff"');
  expect(svg).not.toContain('var(');
});

it('a report says how prompts with a high score were counted', async () => {
  const pageOf = async (...modes: ('default' | 'paper')[]) => {
    const summaries = await Promise.all(modes.map((mode, i) => summaryOf(`m${i}`, { mode })));
    return reportWith(summaries, []);
  };
  expect(await pageOf('default')).toContain('one continuation that scores 0.5 or more');
  expect(await pageOf('paper')).toContain('one of them above 0.5, over all prompts');
  expect(await pageOf('default', 'paper')).toContain('They differ in mode (default: m0 | paper: m1).');
});

it('a report says why probe scores have no interval', async () => {
  const row = {
    ...{ features: 'states', layer: 0, scenario: 'input', target: 'TOXICITY', fold: 0, pearson: 0.5, fold_mean: 0.5 },
    ...{ n: 8, at_edge: false, undefined_folds: 0, permutations: 0, mode: 'default' },
  };
  const pageOf = async (interval_reason: string | null) => {
    const probes = [await tableArtifact(folder, [{ ...row, interval_reason }], { model: 'a' })];
    return readFile((await runStep('report/html', folder, { probes })).path('report'), 'utf8');
  };
  const said = 'Scores of fewer than 10 prompts have no interval.';
  expect(await pageOf('too_few_groups')).toContain(said);
  expect(await pageOf(null)).not.toContain(said);
});

it('a report counts near-duplicates among the prompts', async () => {
  const texts = ['It was a long day', ' it was  a LONG day', 'It was a long day at sea', 'It was a longish day', 'No'];
  const prompts = `${folder}/prompts.jsonl`;
  const lines = texts.map((text, i) => JSON.stringify({ prompt_id: `p${i}`, text, 'score.TOXICITY': 0 }));
  await writeFile(prompts, lines.join('\n'));
  const config = { summaries: [await summaryOf('a')], prompts: artifact('table', prompts) };
  const run = await runStep('report/html', folder, config);
  const said = '2 of 5: 1 repeat another but for case and white space, and share its fold; 1 begin with the whole';
  for (const output of ['report', 'summary']) expect(await readFile(run.path(output), 'utf8')).toContain(said);
});

it('a report calls its only model by a short digest where nothing else names it', async () => {
  const file = `${folder}/unnamed.parquet`;
  await writeRows(file, SUMMARY, [SUMMARY_ROW]);
  const summary = artifact('table', file);
  const model = { input: 'sha256:e76e5744cbc1e2509e0361a4189973882cbd7ec96af8baa4fbf933ad03ba03ec' };
  const page = await reportWith([summary], [ancestor('1', 'text/generate', { model }, summary.digest)]);
  const [, table = ''] = page.split('<caption>Models');
  expect(table.split('</table>')[0]).toContain('>model e76e5744<');
});

it('a report calls its only model as the pipeline does, where its steps name no other', async () => {
  const file = `${folder}/of-one.parquet`;
  await writeRows(file, SUMMARY, [SUMMARY_ROW]);
  const summary = artifact('table', file);
  const of = (digit: string) => ({ model: { input: `sha256:${digit.repeat(64)}` } });
  const pipeline = { name: 'test', description: '', model: { ref: 'models/mine', quantization: 'nf4' } };
  const pageOf = async (...models: object[]) => {
    const ancestors = models.map((model, i) => ancestor(`${i}`, 'text/generate', model as JsonObject, summary.digest));
    const run = await runStep('report/html', folder, { summaries: [summary] }, { ancestors, pipeline });
    return readFile(run.path('report'), 'utf8');
  };
  expect(await pageOf(of('a'), of('a'))).toContain('>mine (nf4)<');
  expect(await pageOf(of('a'), of('b'))).not.toContain('>mine');
});

it('a report calls its only model by the name that it is given', async () => {
  const file = `${folder}/named.parquet`;
  await writeRows(file, SUMMARY, [SUMMARY_ROW]);
  const model = { ref: 'embedded:parlour-rude', quantization: 'nf4' };
  const run = await runStep('report/html', folder, { model, summaries: [artifact('table', file)] });
  expect(await readFile(run.path('report'), 'utf8')).toContain('>parlour-rude (nf4)<');
});

/** The report of models whose probes read labels of these spreads, with what the models correlate. */
const correlationOf = async (name: string, spreads: readonly number[], config = {}) => {
  const summaries = await Promise.all(
    spreads.map((_, i) => summaryOf(`${name}-${i}`, { value: [0.2, 0.4, 0.5][i] ?? null })),
  );
  const probes = await Promise.all(
    summaries.map(({ axes }, i) => {
      const { attribute: target } = SUMMARY_ROW;
      const row = { features: 'states', layer: 0, scenario: 'input', target, fold: 0, target_sd: spreads[i] };
      const [first, second] = [0.3, 0.5, 0.4].map((r, j) => [r, (r + 0.1 * j) / 2])[i]!;
      return tableArtifact(
        folder,
        [
          { ...row, pearson: first, r2: first },
          { ...row, layer: 1, pearson: second, r2: second },
        ],
        axes,
      );
    }),
  );
  const correlated = await runStep('correlate/models', folder, { summaries, probes, ...config });
  const correlations = artifact('table', correlated.path('correlations'));
  const run = await runStep('report/html', folder, { summaries, correlations });
  return { page: await readFile(run.path('report'), 'utf8'), summary: await readFile(run.path('summary'), 'utf8') };
};

it('a report of two models says that a correlation takes three', async () => {
  const { page, summary } = await correlationOf('two', [0.2, 0.2]);
  const said = 'Nothing is correlated over 2 models: a correlation takes three or more.';
  expect(page).toContain(`<p>${said}</p>`);
  expect(summary).toContain(`- ${said}`);
});

it('a report says which score of the probes was correlated, where it is not their correlation', async () => {
  const said = 'What is correlated with behaviour is the R² of the probes.';
  expect((await correlationOf('r2', [0.2, 0.2, 0.2], { probe_metric: 'r2' })).page).toContain(said);
  expect((await correlationOf('r', [0.2, 0.2, 0.2])).page).not.toContain('What is correlated with');
});

it('a partial correlation that is none, or r itself, has a sentence and no place in the plots', async () => {
  const [apart, alike] = [await correlationOf('apart', [0.1, 0.2, 0.4]), await correlationOf('alike', [0.2, 0.2, 0.2])];
  expect(apart.page).toContain('What remains of r given the spread of the labels is undefined over 3 models.');
  expect(alike.page).toContain('All models agree in the spread of the labels: what remains of r given it is r.');
  for (const { page } of [apart, alike]) {
    const [section] = /<section id="correlation"[\s\S]*?<\/section>/.exec(page)!;
    expect(section).toContain('<svg');
    expect(section).not.toMatch(/partial/i);
  }
});
