import { createHash } from 'node:crypto';
import { cp, mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { experiment } from './experiment.ts';
import { runPipeline, sonde, startSonde, temporaryFolder } from './sonde.ts';

let folder: string;
let remove: () => Promise<void>;
beforeAll(async () => {
  ({ folder, remove } = await temporaryFolder());
  await writeFile(path.join(folder, 'p.yaml'), experiment());
  const first = await runPipeline(folder, 'p.yaml');
  expect(first.status, first.stderr + first.stdout.slice(-2000)).toBe(0);
});
afterAll(() => remove());

const rerun = async (text: string, ...args: string[]) => {
  await writeFile(path.join(folder, 'p.yaml'), text);
  return runPipeline(folder, 'p.yaml', ...args);
};

const digests = async (dir: string): Promise<Record<string, string>> => {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && !/\.html$|provenance\.json$/.test(entry.name));
  return Object.fromEntries(
    await Promise.all(
      files.map(async (entry) => {
        const file = path.join(entry.parentPath, entry.name);
        return [
          path.relative(dir, file),
          createHash('sha256')
            .update(await readFile(file))
            .digest('hex'),
        ] as const;
      }),
    ),
  );
};

describe('running again', () => {
  it('runs nothing the second time', async () => {
    expect((await rerun(experiment())).counts).toMatchObject({ ran: 0, failed: 0 });
  });

  it('runs nothing after renaming a step, reordering, a comment or another number of workers', async () => {
    expect((await rerun(experiment({ generate: 'generated' }))).ran).toEqual([]);
    expect((await rerun(experiment({ reversed: true }))).ran).toEqual([]);
    expect((await rerun(experiment({ comment: 'something else' }))).ran).toEqual([]);
    expect((await rerun(experiment(), '--jobs', '1')).ran).toEqual([]);
  });

  it('runs nothing after the project has moved', async () => {
    const moved = path.join(folder, 'elsewhere');
    await mkdir(moved);
    await cp(path.join(folder, 'p.yaml'), path.join(moved, 'p.yaml'));
    const again = await runPipeline(moved, 'p.yaml', '--store', path.join(folder, 'store'));
    expect(again.ran).toEqual([]);
    expect(again.status).toBe(0);
  });

  it('runs only probes and what follows after a change of a probe parameter, as the plan said', async () => {
    await writeFile(path.join(folder, 'p.yaml'), experiment({ folds: 4 }));
    const plan = JSON.parse((await sonde(folder, ['plan', 'p.yaml', '--json'])).stdout) as {
      tasks: { task: string; step: string; state: string; reason: { fields?: unknown[] } }[];
    };
    const changed = plan.tasks.filter(({ state }) => state === 'run');
    expect(changed.map(({ step }) => step)).toEqual(['probes', 'probes']);
    expect(changed[0]!.reason.fields).toEqual([{ field: 'config.folds', was: 3, now: 4 }]);
    const again = await rerun(experiment({ folds: 4 }));
    expect(new Set(again.ran.map((task) => task.split('[')[0]))).toEqual(new Set(['probes', 'correlations', 'report']));
  });

  it('adds a model by running that model’s tasks, the correlation and the report', async () => {
    const again = await rerun(
      experiment({ models: ['embedded:parlour-base', 'embedded:parlour-rude', 'embedded:parlour-kind'] }),
    );
    const kind = again.ran.filter((task) => task.includes('parlour-kind')).map((task) => task.split('[')[0]);
    expect(new Set(kind)).toEqual(new Set(['continuations', 'scores', 'behavior', 'probes']));
    expect(again.ran.filter((task) => !task.includes('parlour-kind')).sort()).toEqual(['correlations', 'report']);
  });

  it('computes only the new prompts of a grown sample, and those of the shard at its end', async () => {
    expect((await rerun(experiment({ prompts: 64 }))).status).toBe(0);
    const grown = await rerun(experiment({ prompts: 96 }));
    expect(grown.status).toBe(0);
    for (const task of grown.ran.filter((name) => name.startsWith('continuations'))) {
      const begun = grown.events.find((event) => event.task === task && event.event === 'task.progress');
      // Of 3 continuations for each of 96 prompts, those of 64 were there, and no shard has more than 32 of these.
      expect(begun).toMatchObject({ total: 3 * 96 });
      expect(begun!.done).toBeGreaterThanOrEqual(3 * 32);
    }
  });
});

describe('two clones', () => {
  it('make byte-identical artifacts, whatever the number of workers', async () => {
    const [a, b] = [path.join(folder, 'a'), path.join(folder, 'b')];
    for (const clone of [a, b]) {
      await mkdir(clone);
      await writeFile(path.join(clone, 'p.yaml'), experiment());
    }
    expect((await runPipeline(a, 'p.yaml', '--store', path.join(a, 'store'), '--jobs', '1')).status).toBe(0);
    expect((await runPipeline(b, 'p.yaml', '--store', path.join(b, 'store'), '--jobs', '3')).status).toBe(0);
    const found = await digests(path.join(a, 'results'));
    expect(Object.keys(found).length).toBeGreaterThan(2);
    expect(await digests(path.join(b, 'results'))).toEqual(found);
  });
});

describe('kill -9 in the middle', () => {
  it('loses nothing that was complete', async () => {
    const killed = path.join(folder, 'killed');
    await mkdir(killed);
    await writeFile(path.join(killed, 'p.yaml'), experiment());
    const store = ['--store', path.join(killed, 'store')];
    const running = startSonde(killed, ['run', 'p.yaml', '--json', ...store]);
    await running.until(({ event, step }) => event === 'task.finished' && step === 'scores');
    running.child.kill('SIGKILL');
    const { stdout } = await running.ended;
    const complete = stdout
      .split('\n')
      .filter((line) => line.includes('"task.finished"'))
      .map((line) => (JSON.parse(line) as { task: string }).task);
    const again = await runPipeline(killed, 'p.yaml', ...store);
    expect(again.status).toBe(0);
    expect(complete.length).toBeGreaterThan(0);
    expect(again.ran.filter((task) => complete.includes(task))).toEqual([]);
    expect((await sonde(killed, ['store', 'verify', ...store])).status).toBe(0);
  });
});

describe('an interrupted run', () => {
  it('stops cleanly on SIGINT, says so, and ends with 130', async () => {
    const stopped = path.join(folder, 'stopped');
    await mkdir(stopped);
    await writeFile(path.join(stopped, 'p.yaml'), experiment({ prompts: 64 }));
    const store = ['--store', path.join(stopped, 'store')];
    const running = startSonde(stopped, ['run', 'p.yaml', '--json', ...store]);
    await running.until(({ event, step }) => event === 'task.started' && step === 'continuations');
    running.child.kill('SIGINT');
    const { status, stdout } = await running.ended;
    expect(status).toBe(130);
    expect(JSON.parse(stdout.trimEnd().split('\n').at(-1)!)).toMatchObject({
      event: 'run.finished',
      status: 'interrupted',
    });
  });
});

describe('damage', () => {
  it('of a cached blob is found, and the result computed anew', async () => {
    await rerun(experiment());
    const shown = JSON.parse((await sonde(folder, ['show', 'p.yaml', 'correlations', '--json'])).stdout) as {
      outputs: { digest: string }[];
    };
    const hex = shown.outputs[0]!.digest.replace('sha256:', '');
    const blobs = await readdir(path.join(folder, 'store', 'blobs'), { recursive: true });
    const blob = path.join(
      folder,
      'store',
      'blobs',
      blobs.find((name) => name.replaceAll(path.sep, '').endsWith(hex))!,
    );
    const bytes = await readFile(blob);
    bytes[10] = bytes[10]! ^ 0xff;
    await writeFile(`${blob}.new`, bytes);
    await rename(`${blob}.new`, blob);
    expect((await sonde(folder, ['store', 'verify'])).status).toBe(4);
    const again = await rerun(experiment());
    expect(again.status).toBe(0);
    expect(again.ran).toContain('correlations');
  });
});
