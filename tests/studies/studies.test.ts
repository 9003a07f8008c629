// What the case studies conclude, where it is known what is true: small runs of the pipelines that ship, in one store.
import { cp, readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { readTable, rows } from '@sonde/tables';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { root, runPipeline, temporaryFolder } from '../sonde.ts';

let folder: string;
let remove: () => Promise<void>;

beforeAll(async () => {
  ({ folder, remove } = await temporaryFolder());
  await cp(path.join(root, 'pipelines'), path.join(folder, 'pipelines'), { recursive: true });
});
afterAll(() => remove());

const LONG = 300_000;

type Row = Readonly<Record<string, unknown>> & {
  readonly difference: number;
  readonly low: number;
  readonly high: number;
};

async function runStudy(name: string, ...args: string[]): Promise<void> {
  const out = path.join(folder, name);
  const { status, stderr, stdout } = await runPipeline(folder, `pipelines/${name}.yaml`, '--out', out, ...args);
  expect(status, stderr + stdout.slice(-2000)).toBe(0);
}

async function tableOf(study: string, output: string): Promise<Row[]> {
  return rows(await readTable(path.join(folder, study, `${output}.parquet`))) as unknown as Row[];
}

/** The change of a metric over all prompts. */
function changeOf(
  table: readonly Row[],
  of: { readonly setting?: string; readonly against?: string; readonly metric?: string; readonly attribute?: string },
): Row {
  const { setting, against = 'reference', metric = 'emt', attribute = 'TOXICITY' } = of;
  const found = table.filter(
    (row) =>
      (setting === undefined || row.setting === setting) &&
      row.against === against &&
      row.metric === metric &&
      (row.attribute === attribute || row.attribute === null) &&
      row.group === 'all',
  );
  expect(found).toHaveLength(1);
  return found[0]!;
}

describe('detox', () => {
  beforeAll(() => runStudy('detox', '--set', 'prompts=100', '--set', 'samples=6', '--set', 'permutations=0'), LONG);

  it('shows that the adapter lowers EMT, with an interval that excludes zero', async () => {
    const { difference, high } = changeOf(await tableOf('detox', 'changes'), {});
    expect(difference).toBeLessThan(-0.05);
    expect(high).toBeLessThan(0);
  });

  it('shows that what probes read hardly changes', async () => {
    const table = (await tableOf('detox', 'probe-changes')).filter(({ target }) => target === 'TOXICITY');
    // The mean over layers has an interval, which says how large a change would have been seen.
    const means = table.filter(({ layer, scenario }) => layer === null && scenario !== 'forward');
    expect(means).toHaveLength(3);
    for (const { difference, low, high } of means) {
      expect(Math.abs(difference)).toBeLessThan(0.1);
      expect(low).toBeLessThanOrEqual(difference);
      expect(high).toBeGreaterThanOrEqual(difference);
    }
    // Both read the same texts.
    for (const row of table) expect(row.target_sd_ratio).toBeCloseTo(1, 9);
  });

  it('answers its question first: behaviour changes, and whether what probes read does', async () => {
    const summary = await readFile(path.join(folder, 'detox', 'summary.md'), 'utf8');
    const [, first = ''] = /^- \*\*detoxification: answer\*\* (.*)$/m.exec(summary) ?? [];
    expect(first).toMatch(/^Toxicity: behaviour changes/);
  });
});

describe('causal', () => {
  const small = ['prompts=100', 'samples=5', 'strengths=[-4, 4]', 'control_strengths=[-8, -4, 4, 8]', 'blocks=[3]'];
  beforeAll(() => runStudy('causal', ...small.flatMap((each) => ['--set', each])), LONG);

  it('shows a dose and its response: more toxic along the probe, less against it', async () => {
    const table = await tableOf('causal', 'steering');
    const [against, along] = ['strength=-4', 'strength=4'].map((setting) => changeOf(table, { setting }));
    expect(along!.low).toBeGreaterThan(0);
    expect(along!.difference).toBeGreaterThan(against!.high);
  });

  it('shows that random directions of equal length do less', async () => {
    const table = await tableOf('causal', 'steering');
    expect(changeOf(table, { setting: 'strength=4', against: 'controls' }).low).toBeGreaterThan(0);
    // Perplexity is shown beside the effect.
    expect(changeOf(table, { setting: 'strength=4', metric: 'perplexity' }).low).toBeGreaterThan(0);
    expect(
      changeOf(table, { setting: 'strength=4', against: 'controls_of_equal_perplexity' }).difference,
    ).not.toBeNaN();
  });

  it('answers its question first: what does more than controls of equal perplexity', async () => {
    const summary = await readFile(path.join(folder, 'causal', 'summary.md'), 'utf8');
    const [, first = ''] = /^- \*\*More than harm: answer\*\* (.*)$/m.exec(summary) ?? [];
    expect(first).toMatch(
      /^Toxicity: EMT is told from that of controls of equal perplexity by steering along the probe/,
    );
  });

  it('leaves nothing to read behind the first block once the direction is erased', async () => {
    const read = async (output: string) =>
      (await tableOf('causal', output)).filter(
        (row) => row.features === 'states' && row.fold === 0 && row.layer === 4,
      )[0]!;
    const [before, after] = [await read('probes'), await read('second-probes')];
    expect(before.fold_mean).toBeGreaterThan(Number(before.null_95));
    expect(after.fold_mean).toBeLessThan(Number(after.null_95));
    const lost = (await tableOf('causal', 'read-without-one')).find(({ layer }) => layer === 4)!;
    expect(lost.high).toBeLessThan(-0.2);
  });
});

describe('pretraining', () => {
  const small = ['prompts=120', 'samples=4', 'steps=[0, 400, 2000]', 'attributes=[TOXICITY]', 'permutations=20'];
  beforeAll(() => runStudy('pretraining', ...small.flatMap((each) => ['--set', each])), LONG);

  it('shows that encoding appears over training', async () => {
    const table = (await tableOf('pretraining', 'probe-changes')).filter(
      (row) => row.scenario === 'input' && row.target === 'TOXICITY' && row.layer === 4,
    );
    const last = table.find(({ setting }) => setting === 'step=2000')!;
    expect(last.low).toBeGreaterThan(0);
    expect(last.value).toBeGreaterThan(Number(last.other) + 0.3);
  });
});

describe('quantization', () => {
  const small = ['prompts=60', 'samples=4', 'seeds=[0, 1]', 'attributes=[TOXICITY]', 'permutations=0'];
  beforeAll(() => runStudy('quantization', ...small.flatMap((each) => ['--set', each])), LONG);

  it('finds no change where the weights are the same numbers', async () => {
    const table = await tableOf('quantization', 'changes');
    // The checkpoint's weights have 16 bits: float16 keeps them.
    const same = changeOf(table, { setting: 'precision=float16' });
    expect([same.difference, same.agreement, same.replicates]).toEqual([0, 1, 2]);
    const rounded = changeOf(table, { setting: 'precision=nf4' });
    expect(rounded.agreement).toBeLessThan(0.99);
    expect(rounded.noise_sd).toBeGreaterThan(0);
  });

  it('splits the variance into that between precisions and that between seeds', async () => {
    const parts = (await tableOf('quantization', 'variance')).filter(({ metric }) => metric === 'emt');
    expect(parts.map(({ component, df, n, settings }) => [component, df, n, settings])).toEqual([
      ['between', 3, 8, 4],
      ['within', 4, 8, 4],
      ['share', 3, 8, 4],
    ]);
    const summary = await readFile(path.join(folder, 'quantization', 'summary.md'), 'utf8');
    expect(summary).toContain('EMT between settings (precision), and between replicates of one (seed)');
  });

  it('finds that four bits cost perplexity, and 16 do not', async () => {
    const table = await tableOf('quantization', 'changes');
    expect(changeOf(table, { setting: 'precision=nf4', metric: 'perplexity' }).low).toBeGreaterThan(0);
    expect(Math.abs(changeOf(table, { setting: 'precision=float16', metric: 'perplexity' }).difference)).toBeLessThan(
      1e-3,
    );
  });
});

describe('multi-prompt', () => {
  const small = ['prompts=40', 'samples=4', 'templates=[0, 1]', 'models=[embedded:parlour-rude]', 'permutations=0'];
  beforeAll(() => runStudy('multi-prompt', ...small.flatMap((each) => ['--set', each])), LONG);

  it('holds each template against the plain prompt, with the agreement of prompts', async () => {
    const change = changeOf(await tableOf('multi-prompt', 'changes'), {});
    expect(change.setting).toContain('template=1');
    expect(change.agreement).toBeLessThan(1);
  });
});

describe('aligned-probing', () => {
  const small = ['prompts=60', 'samples=4', 'read_samples=2'].flatMap((each) => ['--set', each]);

  it('probes all models on the same labels', async () => {
    await runStudy('aligned-probing', ...small);
    const out = path.join(folder, 'aligned-probing', 'probes');
    const spreads = await Promise.all(
      ['base', 'kind', 'rude'].map(async (name) => {
        const table = rows(await readTable(path.join(out, `model=embedded_parlour-${name}.parquet`)));
        return table
          .filter((row) => row.scenario === 'output' && row.target === 'TOXICITY' && row.layer === 1)
          .map((row) => row.target_sd);
      }),
    );
    expect(spreads[1]).toEqual(spreads[0]);
    expect(spreads[2]).toEqual(spreads[0]);
  });
});

describe('any-property', () => {
  const small = ['prompts=60', 'samples=4', 'models=[embedded:parlour-base, embedded:parlour-rude]', 'permutations=0'];
  beforeAll(() => runStudy('any-property', ...small.flatMap((each) => ['--set', each])), LONG);

  it('compares models by their own property, of which its report speaks', async () => {
    const change = changeOf(await tableOf('any-property', 'changes'), { attribute: 'FRIENDLINESS' });
    expect(change.setting).toBe('model=embedded:parlour-rude');
    const report = await readFile(path.join(folder, 'any-property', 'report.html'), 'utf8');
    const [, shown = ''] = report.split('<main');
    const text = shown.replace(/<script[\s\S]*?<\/script>|data:[^"]*"|<[^>]*>/g, ' ');
    expect(text).toContain('Friendliness');
    expect(text).not.toMatch(/toxic|EMT/i);
    // Nor does any file beside it.
    const figures = path.join(folder, 'any-property', 'figures');
    const files = [
      path.join(folder, 'any-property', 'summary.md'),
      ...(await readdir(figures)).map((name) => path.join(figures, name)),
    ];
    for (const file of files) expect(await readFile(file, 'utf8'), file).not.toMatch(/toxic/i);
  });
});
