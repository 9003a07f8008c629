import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { Graph, Value } from '@sonde/pipeline';
import { openStore } from '@sonde/store';
import { describe, expect, it, vi } from 'vitest';
import { explainTask, type RunEvent, RunRefused } from '../src/index.ts';
import { kinds } from './fixtures/kinds.ts';
import { file, graphOf, listing, out, type Ran, type StepSpec, sources } from './rig.ts';
import { useRig } from './use-rig.ts';

const rig = useRig();

/** a, b → sum → parity → last. */
const chain = (a: number, b: number, more: Record<string, StepSpec> = {}): Graph =>
  graphOf({
    a: { kind: 'echo', with: { value: a } },
    b: { kind: 'echo', with: { value: b } },
    sum: { kind: 'add', with: { values: [out('a'), out('b')], tuning: { fast: false } } },
    parity: { kind: 'parity', with: { value: out('sum') } },
    last: { kind: 'add', with: { values: [out('parity')], plus: 100 } },
    ...more,
  });

describe('a second run', () => {
  it('computes nothing and starts no worker', async () => {
    const first = await rig().run(chain(1, 2));
    expect(first.status).toBe('succeeded');
    expect(first.counts).toEqual({ cached: 0, ran: 5, failed: 0, skipped: 0 });
    expect(first.value('last')).toBe(101);
    const second = await rig().run(chain(1, 2), { workerEntry: '/nowhere/worker.js' });
    expect(second.counts).toEqual({ cached: 5, ran: 0, failed: 0, skipped: 0 });
    expect(rig().journal()).toHaveLength(5);
  });

  it('computes nothing after renaming, reordering, other resources, another batch size or number of workers', async () => {
    await rig().run(chain(1, 2));
    const renamed = graphOf(
      {
        second: { kind: 'echo', with: { value: 2 } },
        first: { kind: 'echo', with: { value: 1 }, resources: { device: 'cpu', cpus: 3 }, retries: 2 },
        total: {
          kind: 'add',
          with: { tuning: { fast: true }, batch_size: 7, values: [out('first'), out('second')] },
        },
        odd: { kind: 'parity', with: { value: out('total') } },
        end: { kind: 'add', with: { plus: 100, values: [out('odd')] } },
      },
      { name: 'renamed', description: 'Another text.' },
    );
    const again = await rig().run(renamed, { jobs: 1, workerEntry: '/nowhere/worker.js' });
    expect(again.counts).toEqual({ cached: 5, ran: 0, failed: 0, skipped: 0 });
  });

  it('sees a file by its content, wherever it lies', async () => {
    const here = rig().write('here.txt', 'text');
    await rig().run(graphOf({ read: { kind: 'read', with: { file: file(here) } } }));
    const there = rig().write('there.txt', 'text');
    const moved = await rig().run(graphOf({ read: { kind: 'read', with: { file: file(there) } } }));
    expect(moved.counts.cached).toBe(1);
  });

  it('takes the order of collected inputs from the graph', async () => {
    await rig().run(chain(1, 2));
    const swapped = chain(1, 2, { sum: { kind: 'add', with: { values: [out('b'), out('a')], tuning: {} } } });
    expect((await rig().run(swapped)).ran).toEqual(['sum']);
  });
});

describe('an edit', () => {
  it('runs only what reads it, and stops where the bytes are unchanged', async () => {
    await rig().run(chain(1, 2));
    // 1 + 2 and 3 + 2 have the same parity: what comes after it does not run.
    const edited = await rig().run(chain(3, 2));
    expect(edited.ran).toEqual(['a', 'parity', 'sum']);
    expect(edited.counts).toEqual({ cached: 2, ran: 3, failed: 0, skipped: 0 });
  });

  it('is explained field by field', async () => {
    await rig().run(chain(1, 2));
    const plan = await rig().plan(chain(3, 2));
    expect(plan.summary).toEqual({ cached: 1, run: 1, unknown: 3 });
    const [a, b, sum] = plan.tasks;
    expect(a).toMatchObject({
      state: 'run',
      reason: { code: 'changed', fields: [{ field: 'config.value', was: 1, now: 3 }] },
    });
    expect(b).toMatchObject({ state: 'cached', reason: { code: 'hit' } });
    expect(sum).toMatchObject({ state: 'unknown', reason: { code: 'upstream', tasks: ['a'] } });
    expect(sum).not.toHaveProperty('key');
  });

  it('is explained against the nearest earlier result even after it ran', async () => {
    await rig().run(chain(1, 2));
    await rig().run(chain(3, 2));
    const store = await openStore(rig().storeFolder, { readOnly: true });
    const [sum] = await explainTask(chain(3, 2), 'sum', { store, kinds, sources });
    expect(sum).toMatchObject({ state: 'cached', fingerprint: { kind: 'test/add', revision: 1 } });
    expect(sum!.changes.map((change) => change.field)).toEqual(['config.values.0']);
    await store.close();
  });

  it('that adds a value to a matrix is told as that, and an edit of its step as one', async () => {
    const on = (...values: number[]) =>
      graphOf(
        Object.fromEntries(
          values.map((x) => [`e[x=${x}]`, { kind: 'echo', step: 'e', axes: { x }, with: { value: x } }]),
        ),
      );
    await rig().run(on(1, 2));
    const plan = await rig().plan(on(1, 2, 3));
    expect(plan.tasks.map(({ reason }) => reason)).toEqual([
      { code: 'hit' },
      { code: 'hit' },
      { code: 'new', axes: { x: 3 } },
    ]);
    await rig().run(on(3));
    const edited = graphOf({ 'e[x=3]': { kind: 'echo', step: 'e', axes: { x: 3 }, with: { value: 4 } } });
    expect((await rig().plan(edited)).tasks[0]?.reason).toMatchObject({
      code: 'changed',
      fields: [{ was: 3, now: 4 }],
    });
  });

  it('is told against the runs of its own pipeline, where a step may have had another name or other axes', async () => {
    const echo = (value: number) => ({ kind: 'echo', with: { value } });
    await rig().run(graphOf({ first: echo(1), second: echo(2) }));
    const reasons = async (graph: Graph) => (await rig().plan(graph)).tasks.map(({ reason }) => reason);
    const changed = (was: number, now: number) => ({ code: 'changed', fields: [{ field: 'config.value', was, now }] });

    expect(await reasons(graphOf({ first: echo(1), second: echo(2), third: echo(3) }))).toEqual([
      { code: 'hit' },
      { code: 'hit' },
      { code: 'new' },
    ]);
    expect(await reasons(graphOf({ first: echo(1), renamed: echo(3) }))).toEqual([{ code: 'hit' }, changed(2, 3)]);
    const divided = graphOf({ first: echo(1), 'second[x=0]': { ...echo(3), step: 'second', axes: { x: 0 } } });
    expect(await reasons(divided)).toEqual([{ code: 'hit' }, changed(2, 3)]);
    expect(await reasons(graphOf({ first: echo(3) }, { name: 'another' }))).toEqual([{ code: 'new' }]);

    const store = await openStore(rig().storeFolder, { readOnly: true });
    const another = graphOf({ first: echo(3) }, { name: 'another' });
    const [first] = await explainTask(another, 'first', { store, kinds, sources });
    expect(first).toMatchObject({ reason: { code: 'new' }, changes: [{ field: 'config.value', now: 3 }] });
    await store.close();
  });

  it('of a revision or of the runtime runs what it concerns', async () => {
    const graph = graphOf({ r: { kind: 'runtime' }, e: { kind: 'echo', with: { value: 1 } } });
    await rig().run(graph);
    const revised = new Map(kinds).set('test/echo', { ...kinds.get('test/echo')!, revision: 2 });
    expect((await rig().plan(graph, { kinds: revised })).tasks.map((task) => task.state)).toEqual(['cached', 'run']);
    const other = new Map(kinds).set('test/runtime', {
      ...kinds.get('test/runtime')!,
      runtime: () => ({ engine: '2' }),
    });
    expect((await rig().plan(graph, { kinds: other })).tasks[0]).toMatchObject({
      reason: { code: 'changed', fields: [{ field: 'runtime.engine', was: '1', now: '2' }] },
    });
  });
});

describe('a plan', () => {
  it('writes nothing, whether or not there is a store', async () => {
    const empty = `${rig().folder}/none`;
    const store = await openStore(empty, { readOnly: true });
    expect((await rig().plan(chain(1, 2), { store })).summary).toEqual({ cached: 0, run: 2, unknown: 3 });
    expect(() => readFileSync(empty)).toThrow('ENOENT');
    const read = graphOf({ read: { kind: 'read', with: { file: file(rig().write('a.txt', 'a')) } } });
    await rig().run(read);
    const before = await listing(rig().folder);
    await rig().plan(chain(1, 2));
    await rig().plan(read);
    expect(await listing(rig().folder)).toEqual(before);
  });

  it('says that what was never computed is new', async () => {
    expect((await rig().plan(chain(1, 2))).tasks[0]!.reason).toEqual({ code: 'new' });
  });

  it('of a target has only what the target needs', async () => {
    const plan = await rig().plan(chain(1, 2), { targets: ['sum'] });
    expect(plan.tasks.map((task) => task.task)).toEqual(['a', 'b', 'sum']);
    const ran = await rig().run(chain(1, 2), { targets: ['b'] });
    expect(ran.ran).toEqual(['b']);
  });

  it('refuses a target that is not there, with the nearest name', async () => {
    const refused = rig().plan(chain(1, 2), { targets: ['lats'] });
    await expect(refused).rejects.toThrow(RunRefused);
    await expect(refused).rejects.toMatchObject({ problems: [{ code: 'target', hint: 'Did you mean `last`?' }] });
  });
});

describe('refresh', () => {
  it('runs the step again, and its successors only where its bytes changed', async () => {
    await rig().run(chain(1, 2));
    const plan = await rig().plan(chain(1, 2), { refresh: ['sum'] });
    expect(plan.tasks.map((task) => task.reason.code)).toEqual(['hit', 'hit', 'refresh', 'upstream', 'upstream']);
    const again = await rig().run(chain(1, 2), { refresh: ['sum'] });
    expect(again.ran).toEqual(['sum']);
    expect(again.counts.cached).toBe(4);
  });
});

describe('a damaged store', () => {
  it('recomputes a result whose bytes are gone', async () => {
    const first = await rig().run(chain(1, 2));
    rmSync(rig().store.blobs.path(first.records.get('sum')!.outputs.out!.digest), { force: true });
    const plan = await rig().plan(chain(1, 2));
    expect(plan.tasks[2]).toMatchObject({ state: 'run', reason: { code: 'damaged', outputs: ['out'] } });
    const again = await rig().run(chain(1, 2));
    expect(again.ran).toEqual(['sum']);
    expect(again.value('sum')).toBe(3);
  });

  it('recomputes a result whose bytes turn out wrong when they are read, and never uses them', async () => {
    const first = await rig().run(chain(1, 2));
    const blob = rig().store.blobs.path(first.records.get('sum')!.outputs.out!.digest);
    chmodSync(blob, 0o644);
    writeFileSync(blob, '4');
    // Another process opens the store: what this one has checked is not known there.
    await rig().store.close();
    rig().store = await openStore(rig().storeFolder);
    const more = { twice: { kind: 'add', with: { values: [out('sum'), out('sum')] } } } satisfies Record<
      string,
      StepSpec
    >;
    const again = await rig().run(chain(1, 2, more));
    expect(again.status).toBe('succeeded');
    expect(again.ran).toEqual(['sum', 'twice']);
    expect(again.value('twice')).toBe(6);
    expect(again.counts).toEqual({ cached: 4, ran: 2, failed: 0, skipped: 0 });
  });
});

describe('data from outside', () => {
  const digest = '982d9e3eb996f559e633f4d194def3761d909f5a3b647d1a851fead67c32c9d1';

  it('is refused where it is missing, all of it at once, before anything runs', async () => {
    const graph = graphOf({
      ok: { kind: 'echo', with: { value: 1 } },
      one: { kind: 'read', with: { file: file(rig().path('one.txt')) } },
      two: { kind: 'read', with: { file: file(rig().path('two.txt')) } },
    });
    const error: unknown = await rig()
      .run(graph)
      .catch((caught) => caught);
    expect(error).toBeInstanceOf(RunRefused);
    expect((error as RunRefused).problems.map((problem) => [problem.code, problem.step])).toEqual([
      ['data', 'one'],
      ['data', 'two'],
    ]);
    expect(rig().journal()).toEqual([]);
  });

  it('at an address is planned by its digest alone, and refused offline', async () => {
    const ref = {
      ...file('https://example.org/a.txt'),
      scheme: 'https',
      ref: 'https://example.org/a.txt',
      sha256: digest,
    } as const;
    const graph = graphOf({ read: { kind: 'read', with: { file: ref } } });
    const [planned] = (await rig().plan(graph)).tasks;
    expect(planned!.fingerprint).toMatchObject({ config: { file: { input: `sha256:${digest}` } } });
    const offline = await rig().run(graph, { sources: { ...sources, offline: true } });
    expect(offline.failures.get('read')).toMatchObject({ code: 'data' });
    // Once its content is in the store, the network is not needed.
    await rig().store.blobs.putText('text');
    expect((await rig().run(graph, { sources: { ...sources, offline: true } })).value('read')).toBe(4);
  });

  it('at an address is fetched once, and only what its digest says is used', async () => {
    const answers = vi.fn(async () => new Response(answers.mock.calls.length === 1 ? 'else' : 'text'));
    vi.stubGlobal('fetch', answers);
    try {
      const ref = {
        ...file('https://example.org/a.txt'),
        scheme: 'https',
        ref: 'https://example.org/a.txt',
        sha256: digest,
      } as const;
      const graph = graphOf({ read: { kind: 'read', with: { file: ref } } });
      const wrong = await rig().run(graph);
      expect(wrong.failures.get('read')).toMatchObject({ code: 'data', message: expect.stringContaining(digest) });
      expect((await rig().run(graph)).value('read')).toBe(4);
      const other = graphOf({ again: { kind: 'read', with: { file: ref, note: 1 } } });
      expect((await rig().run(other)).value('again')).toBe(4);
      expect(answers).toHaveBeenCalledTimes(2);
    } finally {
      vi.unstubAllGlobals();
    }
  });

  it('may be a folder: the listed files count, their place does not', async () => {
    for (const name of ['one', 'two']) {
      mkdirSync(rig().path(name));
      rig().write(`${name}/a.txt`, 'a');
      rig().write(`${name}/.hidden`, name);
    }
    const fingerprint = async (name: string) => {
      const graph = graphOf({ read: { kind: 'read', with: { file: file(rig().path(name), ['model']) } } });
      return (await rig().plan(graph)).tasks[0]!.key;
    };
    expect(await fingerprint('one')).toBe(await fingerprint('two'));
    rig().write('two/a.txt', 'b');
    expect(await fingerprint('one')).not.toBe(await fingerprint('two'));
  });
});

describe('a step that describes the pipeline', () => {
  it('is given how everything upstream was made, without step names', async () => {
    const graph = chain(1, 2, { report: { kind: 'report', with: { values: [out('last')] } } });
    const first = await rig().run(graph);
    const value = first.value('report') as { pipeline: unknown; ancestors: { key: string; fingerprint: object }[] };
    expect(value.pipeline).toEqual({ name: 'test', description: 'A test.' });
    const keys = [...first.records].filter(([task]) => task !== 'report').map(([, record]) => record.key);
    expect(value.ancestors.map((ancestor) => ancestor.key)).toEqual(keys.sort());
    expect((await rig().plan({ ...graph, description: 'Another.' })).summary).toEqual({
      cached: 5,
      run: 1,
      unknown: 0,
    });
  });
});

describe('the description of a pipeline', () => {
  const described = async (...models: Value[]) => {
    const steps = models.map((model, i) => [`s${i}`, { kind: 'worker', with: { model, name: i } }] as const);
    const graph = graphOf({ ...Object.fromEntries(steps), report: { kind: 'report', with: { values: [out('s0')] } } });
    return ((await rig().run(graph)).value('report') as { pipeline: unknown }).pipeline;
  };

  it('has the model where its steps name one alone', async () => {
    const named = { name: 'test', description: 'A test.' };
    const model = { ref: 'a', dtype: 'float16' };
    expect(await described(model, { dtype: 'float16', ref: 'a' })).toEqual({ ...named, model });
    expect(await described('a', 'b')).toEqual(named);
  });
});

describe('the record of a run', () => {
  it('has every event, and says which key each task had', async () => {
    const first = await rig().run(chain(1, 2), { metadata: { command: 'run' } });
    const detail = await rig().store.runs.open(first.run);
    expect(detail.status).toBe('succeeded');
    const [metadata, ...rest] = detail.events;
    expect(metadata).toMatchObject({ event: 'run.metadata', metadata: { command: 'run' } });
    const events = rest as unknown as RunEvent[];
    expect(events).toEqual(JSON.parse(JSON.stringify(first.all)));
    expect(events.at(-1)).toMatchObject({
      event: 'run.finished',
      counts: { cached: 0, ran: 5, failed: 0, skipped: 0 },
    });
    expect(detail.meta.plan).toMatchObject({ a: first.records.get('a')!.key, last: null });
  });

  it('gives the same bytes whether what it tells of was computed now or before, in whichever order it is written', async () => {
    const graph = (config: Record<string, Value>) =>
      graphOf({
        a: { kind: 'add', with: config },
        report: { kind: 'report', with: { values: [out('a')] } },
      });
    const first = await rig().run(graph({ plus: 1, name: 'a', values: [] }));
    const again = await rig().run(graph({ values: [], name: 'a', plus: 1 }), { refresh: ['report'] });
    expect(again.ran).toEqual(['report']);
    const digest = (ran: Ran) => ran.records.get('report')!.outputs.out!.digest;
    expect(digest(again)).toBe(digest(first));
  });
});
