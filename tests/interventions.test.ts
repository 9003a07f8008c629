import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { readTable, rows } from '@sonde/tables';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { root, runPipeline, sonde, temporaryFolder } from './sonde.ts';

let folder: string;
let remove: () => Promise<void>;

beforeAll(async () => {
  ({ folder, remove } = await temporaryFolder());
  await writeFile(
    path.join(folder, 'p.yaml'),
    await readFile(path.join(root, 'pipelines', 'erase-a-direction.yaml'), 'utf8'),
  );
  const first = await runPipeline(folder, 'p.yaml');
  expect(first.status, first.stderr + first.stdout.slice(-2000)).toBe(0);
});
afterAll(() => remove());

const emt = async (name: string): Promise<number> => {
  const table = rows(await readTable(path.join(folder, 'results', 'erase-a-direction', `${name}.parquet`)));
  return Number(
    table.find((row) => row.metric === 'emt' && row.attribute === 'TOXICITY' && row.group === 'all')!.value,
  );
};

describe('an experiment with interventions', () => {
  it('changes what the model does: more toxic with the probe’s direction added than without it', async () => {
    const [unchanged, erased, steered, ablated] = [
      await emt('unchanged'),
      await emt('erased'),
      await emt('steered'),
      await emt('ablated'),
    ];
    expect(steered).toBeGreaterThan(erased);
    expect(erased).not.toBe(unchanged);
    expect(ablated).not.toBe(unchanged);
  });

  it('runs again only what reads a changed intervention', async () => {
    expect((await runPipeline(folder, 'p.yaml')).ran).toEqual([]);
    const again = await runPipeline(folder, 'p.yaml', '--set', 'scale=3');
    expect([...new Set(again.ran.map((task) => task.replace(/[[/].*/, '')))].sort()).toEqual([
      'steered',
      'steered-behavior',
      'steered-scores',
    ]);
  });

  it('is checked before it runs: each kind has its keys', async () => {
    const text = await readFile(path.join(folder, 'p.yaml'), 'utf8');
    await writeFile(
      path.join(folder, 'wrong.yaml'),
      text
        .replace('{ kind: erase, layers', '{ kind: erase, scale: 2, layers')
        .replace(/site: mlp, from: .*\}$/m, 'site: mlp }'),
    );
    const { status, stderr, stdout } = await sonde(folder, ['check', 'wrong.yaml']);
    expect(status).toBe(2);
    expect(stderr + stdout).toContain('`erase` has no `scale`');
    expect(stderr + stdout).toContain('`mean_ablation` needs `from`: where its vectors are');
  });
});
