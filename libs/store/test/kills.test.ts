import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { child, newStore, open } from './helpers.ts';

it('kill -9 at any moment, 30 times, leaves whole results only', async () => {
  const { dir } = await newStore();
  let results = 0;
  for (let round = 0; round < 30; round++) {
    const published = round % 8;
    const writer = await child(['loop', dir]);
    expect(await writer.line()).toBe('ready');
    for (let index = 1; index <= published; index++) expect(await writer.line()).toBe(`published ${index}`);
    // Somewhere in the next one, or behind it.
    await delay(Math.random() * 20);
    writer.process.kill('SIGKILL');
    expect(await writer.ended).toBe('SIGKILL');
    const reader = await open(dir, { readOnly: true });
    const report = await reader.care.verify();
    expect(report.problems).toEqual([]);
    expect(report.results).toBeGreaterThanOrEqual(Math.max(results, published));
    results = report.results;
    for await (const record of reader.results.all()) {
      for (const output of Object.values(record.outputs)) expect(await reader.artifacts.presence(output)).toBe('here');
    }
  }
  const store = await open(dir);
  await store.removeScratch(await store.scratch());
  expect(await readdir(join(dir, 'tmp'))).toHaveLength(1);
  const runs = await store.runs.list();
  expect(runs).toHaveLength(30);
  expect(new Set(runs.map((run) => run.status))).toEqual(new Set(['died']));
  // What the last one left is no obstacle.
  expect(await store.care.gc({ keepRuns: 0, graceSeconds: -1 })).toMatchObject({ kept: { results: 0 } });
});
