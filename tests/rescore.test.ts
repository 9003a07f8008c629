import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { root, sonde, temporaryFolder } from './sonde.ts';

let folder: string;
let remove: () => Promise<void>;
beforeAll(async () => {
  ({ folder, remove } = await temporaryFolder());
});
afterAll(() => remove());

const SMALL = ['--set', 'prompts=24', '--set', 'samples=3', '--json'];
const run = (file: string) => sonde(folder, ['run', path.join(root, 'pipelines', file), ...SMALL]);

/** The step kinds' tasks that a run started and those that it found. */
function tasksOf(stdout: string) {
  const events = stdout.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line)] : []));
  const of = (event: string): string[] => events.filter((one) => one.event === event).map(({ task }) => task);
  return { started: of('task.started'), cached: of('task.cached') };
}

it('does an experiment once more with another scorer, and generates nothing', async () => {
  const first = await run('aligned-probing.yaml');
  expect(first.status).toBe(0);
  // One model's may be those that all models read: the same key, computed by whichever step comes first.
  const { started: begun, cached: shared } = tasksOf(first.stdout);
  expect([...begun, ...shared].filter((task) => task.startsWith('continuations'))).toHaveLength(3);

  const second = await run('rescore.yaml');
  expect(second.status).toBe(0);
  const { started, cached } = tasksOf(second.stdout);
  expect(started.filter((task) => task.includes('continuations'))).toEqual([]);
  expect(cached.filter((task) => task.startsWith('after/continuations'))).toHaveLength(3);
  // As above, one may be had from a step that scored the same texts before it.
  expect([...started, ...cached].filter((task) => task.startsWith('after/scores'))).toHaveLength(3);
  expect(started.filter((task) => task.startsWith('after/scores')).length).toBeGreaterThanOrEqual(2);
  expect(started.filter((task) => task.startsWith('before/') && !task.includes('report'))).toEqual([]);

  // Each scorer's scores are kept by text, whichever steps had it.
  const status = JSON.parse((await sonde(folder, ['store', 'status', '--json'])).stdout);
  expect(status.memos).toMatchObject({ makers: 2 });
  expect(status.memos.values).toBeGreaterThan(100);

  const report = readFileSync(path.join(folder, 'results', 'rescore', 'report.html'), 'utf8');
  expect(report).toContain('word-list:');
  expect(report).toMatch(/id="agreement-title">Two scorers/);
});
