import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TaskEstimate } from '@sonde/executor';
import stringWidth from 'string-width';
import { afterAll, describe, expect, it } from 'vitest';
import { type PipelineEstimate as Estimate, estimate, loadPipeline } from '../src/api.ts';
import { estimateJson, estimateLines } from '../src/estimate.ts';
import { openTerminal } from '../src/terminal.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'sonde-estimate-'));
afterAll(() => rmSync(folder, { recursive: true }));
const terminal = openTerminal({ color: false });
const pipeline = (name: string) => fileURLToPath(new URL(`../../../pipelines/${name}.yaml`, import.meta.url));

async function estimateOf(name: string, set: Readonly<Record<string, number>> = {}): Promise<Estimate> {
  const loaded = await loadPipeline(pipeline(name), { set });
  if (!loaded.ok) throw new Error('the pipeline is not valid');
  return estimate(loaded.graph, { store: path.join(folder, 'none'), device: 'cpu', jobs: 2 });
}

const one = (more: Partial<TaskEstimate>): TaskEstimate => ({
  task: 'a-step-of-a-very-long-name[model=m]',
  step: 'study/a-step-of-a-very-long-name',
  provider: 'cuda',
  devices: 4,
  grounds: 'same',
  results: 7,
  seconds: 360_000,
  low: 180_000,
  high: 720_000,
  memory: 70e9,
  disk: 123_456_789,
  ...more,
});
const made = (...estimates: TaskEstimate[]): Estimate => ({
  tasks: estimates.map(({ task, step }) => ({ task, step, kind: 'x/y', state: 'run', reason: { code: 'new' } })),
  summary: { cached: 2, run: estimates.length, unknown: 0 },
  estimates,
  elapsed: 360_000,
  places: { cpu: 2, devices: 1 },
  downloads: [],
});

describe('the table of an estimate', () => {
  it.each(['quickstart', 'aligned-probing'])('of %s has a line a step, in 80 columns', async (name) => {
    const found = await estimateOf(name);
    const lines = estimateLines(found, terminal);
    const steps = new Set(found.tasks.map(({ step }) => step));
    expect(lines.indexOf('')).toBe(steps.size + 1);
    expect(Math.max(...lines.map((line) => stringWidth(line)))).toBeLessThanOrEqual(80);
  });

  it('counts the hours of devices: of all that a task takes at once', () => {
    const lines = estimateLines(made(one({}), one({ step: 'b', provider: 'cpu', devices: 1, seconds: 10 })), terminal);
    expect(lines[1]).toMatch(/ 400\.00$/);
    expect(lines.join('\n')).toContain('2 tasks to run, 2 tasks cached: 100:00:10 of work, 400.00 GPU hours');
    expect(Math.max(...lines.map((line) => stringWidth(line)))).toBeLessThanOrEqual(80);
    expect(estimateJson(made(one({}))).estimate).toMatchObject({
      seconds: 360_000,
      deviceHours: 400,
      disk: 123_456_789,
    });
  });

  it('puts no number to work of an unknown size, and leaves it out of the sums', () => {
    const unknown = { grounds: 'unknown', provider: 'cpu', devices: 1, seconds: 0, low: 0, high: 0 } as const;
    const lines = estimateLines(made(one({ provider: 'cpu', seconds: 10 }), one({ step: 'b', ...unknown })), terminal);
    expect(lines[2]).toMatch(/^b +1 +\? +\? +\? +\? +not known$/);
    expect(lines.join('\n')).toContain('2 tasks to run, 2 tasks cached: 10 s of work');
    expect(lines.at(-1)).toBe('without 1 step marked ?: nothing is known of the size of what comes in');
    expect(estimateLines(made(one(unknown)), terminal).join('\n')).not.toContain('NaN');
  });

  it('is a line where nothing is left to do', () => {
    expect(estimateLines(made(), terminal)).toEqual(['nothing to run, 2 tasks cached']);
  });
});

describe('an estimate before anything ran', () => {
  it('knows the rows of every step from the steps before it', async () => {
    const { tasks } = estimateJson(await estimateOf('quickstart', { prompts: 100, samples: 4 }));
    const rows = (task: string) => tasks.find((each) => each.task === task)?.estimate?.rows;
    expect(rows('prompts')).toBe(100);
    expect(rows('continuations[model=embedded:parlour-base]')).toBe(400);
    expect(rows('scores[model=embedded:parlour-base]')).toBe(400);
    // A state of each prompt, and of each continuation.
    expect(rows('probes[model=embedded:parlour-base]')).toBe(500);
  });
});
