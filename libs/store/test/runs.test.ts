import { appendFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { digestOf, type RunMeta } from '../src/index.ts';
import { newStore, open } from './helpers.ts';

const META: RunMeta = {
  pipeline: 'two-models',
  file: 'pipelines/two.yaml',
  digest: digestOf('the file'),
  params: { prompts: 200 },
  plan: { prompts: digestOf('key'), scores: null },
};

describe('runs', () => {
  it('keep what was planned, every event in order, and how it ended', async () => {
    const store = await newStore();
    const log = await store.runs.create(META);
    expect(log.id).toMatch(/^\d{8}-\d{6}-[a-z0-9]{6}$/);
    expect((await store.runs.list())[0]).toMatchObject({ id: log.id, pipeline: 'two-models', status: 'running' });
    const events = Array.from({ length: 500 }, (_, index) => ({ event: 'task.progress', index }));
    for (const event of events) log.append(event);
    await log.finish({ status: 'succeeded', counts: { ran: 2, cached: 0 }, seconds: 1.5 });
    const run = await (await open(store.dir, { readOnly: true })).runs.open(log.id);
    expect(run).toMatchObject({ status: 'succeeded', counts: { ran: 2, cached: 0 }, seconds: 1.5, damagedLines: 0 });
    expect(run.meta).toEqual(META);
    expect(run.events).toEqual(events);
  });

  it('are listed newest first', async () => {
    const store = await newStore();
    for (const id of ['20250101-000000-aaaaaa', '20260101-000000-aaaaaa']) {
      await mkdir(join(store.dir, 'runs', id), { recursive: true });
      await writeFile(join(store.dir, 'store.json'), '{"sonde":"store","layout":1}');
      const run = { id, started: '', holder: '00', meta: META };
      await writeFile(join(store.dir, 'runs', id, 'run.json'), JSON.stringify(run));
    }
    const listed = await store.runs.list();
    expect(listed.map((run) => run.id)).toEqual(['20260101-000000-aaaaaa', '20250101-000000-aaaaaa']);
    expect(listed[0]?.status).toBe('died');
  });

  it('lose no more than a line that a kill has cut off', async () => {
    const store = await newStore();
    const log = await store.runs.create(META);
    log.append({ event: 'one' });
    await log.finish({ status: 'interrupted', counts: {}, seconds: 0 });
    await appendFile(join(store.dir, 'runs', log.id, 'events.jsonl'), '{"event":"tw');
    const run = await store.runs.open(log.id);
    expect(run.events).toEqual([{ event: 'one' }]);
    expect(run.damagedLines).toBe(1);
  });

  it('that do not exist are said not to', async () => {
    const store = await newStore();
    await expect(store.runs.open('../../etc')).rejects.toThrow('has no run ../../etc');
  });
});
