import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { RunRefused } from '../src/index.ts';
import { file, graphOf, out, type Ran, type StepSpec, vanished } from './rig.ts';
import { useRig } from './use-rig.ts';

const rig = useRig();
const ending = (ran: Ran, task: string) =>
  ran.all.filter((event) => 'task' in event && event.task === task).at(-1)?.event;

/** A step that fails beside one that does not, each with a successor. */
const beside = (bad: StepSpec) =>
  graphOf({
    bad,
    afterBad: { kind: 'add', with: { values: [out('bad')] } },
    good: { kind: 'echo', with: { value: 1 } },
    afterGood: { kind: 'add', with: { values: [out('good')], plus: 1 } },
  });

describe('a failed step', () => {
  it('fails what depends on it, by name, and with keepGoing nothing else', async () => {
    const ran = await rig().run(beside({ kind: 'fail', with: { name: 'x', until: 9 } }), { keepGoing: true });
    expect(ran.status).toBe('failed');
    expect(ran.counts).toEqual({ cached: 0, ran: 2, failed: 1, skipped: 1 });
    expect(ran.failures.get('bad')).toEqual({ code: 'step', message: 'x is wrong.', hint: 'Make it right.' });
    expect(ran.all.find((event) => event.event === 'task.skipped')).toMatchObject({
      task: 'afterBad',
      because: ['bad'],
    });
  });

  it('otherwise lets what runs finish and starts nothing new', async () => {
    const graph = graphOf({
      slow: { kind: 'gate', with: { name: 'slow' } },
      afterSlow: { kind: 'add', with: { values: [out('slow')] } },
      bad: { kind: 'fail', with: { name: 'x', until: 9 } },
    });
    const failed = rig().failed('bad');
    const run = rig().run(graph);
    await Promise.all([rig().started('slow'), failed]);
    rig().openGate('slow');
    const ran = await run;
    expect(ran.counts).toEqual({ cached: 0, ran: 1, failed: 1, skipped: 1 });
    expect(ending(ran, 'slow')).toBe('task.finished');
    expect(ran.all.find((event) => event.event === 'task.skipped')).toMatchObject({
      task: 'afterSlow',
      because: ['bad'],
    });
  });

  it('runs again when asked, with what was complete from the store', async () => {
    const graph = beside({ kind: 'fail', with: { name: 'x', until: 1 } });
    await rig().run(graph, { keepGoing: true });
    const again = await rig().run(graph);
    expect(again.status).toBe('succeeded');
    expect(again.ran).toEqual(['afterBad', 'bad']);
  });

  it('is tried again as often as it says', async () => {
    const graph = graphOf({ bad: { kind: 'fail', with: { name: 'x', until: 2 }, retries: 2 } });
    const ran = await rig().run(graph);
    expect(ran.status).toBe('succeeded');
    expect(ran.all.filter((event) => event.event === 'task.retrying').map((event) => event.attempt)).toEqual([2, 3]);
    const bad = await rig().run(graphOf({ bad: { kind: 'fail', with: { name: 'y', until: 2 }, retries: 1 } }));
    expect(bad.status).toBe('failed');
  });

  it('with a defect tells its message, and its stack to the log of the run alone', async () => {
    const ran = await rig().run(graphOf({ bug: { kind: 'bug' } }));
    expect(ran.failures.get('bug')).toEqual({ code: 'internal', message: 'undefined is not a number' });
    const { events } = await rig().store.runs.open(ran.run);
    expect(events).toContainEqual(
      expect.objectContaining({ event: 'task.trace', task: 'bug', trace: expect.stringContaining('    at ') }),
    );
    expect(JSON.stringify(ran.all)).not.toContain('    at ');
  });

  it('that leaves out an output is not published; one that writes more is warned', async () => {
    const ran = await rig().run(graphOf({ none: { kind: 'nothing' }, more: { kind: 'extra' } }), { keepGoing: true });
    expect(ran.failures.get('none')).toMatchObject({ code: 'output', message: expect.stringContaining('`out`') });
    expect(ran.all.find((event) => event.event === 'task.log')).toMatchObject({ task: 'more', level: 'warning' });
    expect(ran.counts.ran).toBe(1);
  });
});

describe('a worker that dies', () => {
  it.each([
    ['exit', 'crash', 'exit code 7'],
    ['SIGSEGV', 'crash', 'SIGSEGV'],
    ['SIGKILL', 'crash', 'perhaps out of memory'],
  ])('by %s fails its task alone and says why', async (how, code, says) => {
    const ran = await rig().run(beside({ kind: 'crash', with: { name: 'x', how, until: 9 } }), {
      keepGoing: true,
      jobs: 1,
    });
    expect(ran.counts).toEqual({ cached: 0, ran: 2, failed: 1, skipped: 1 });
    const failure = ran.failures.get('bad');
    expect(failure).toMatchObject({ code, stderr: 'the last words' });
    expect(failure!.message).toContain(says);
  });

  it('for want of heap memory says that', async () => {
    const says = 'FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory';
    const graph = graphOf({ bad: { kind: 'crash', with: { name: 'x', how: 'SIGABRT', until: 9, says } } });
    expect((await rig().run(graph)).failures.get('bad')).toMatchObject({ code: 'out-of-memory', stderr: says });
  });

  it('is replaced for the next attempt', async () => {
    const ran = await rig().run(
      graphOf({ bad: { kind: 'crash', with: { name: 'x', how: 'SIGKILL', until: 1 }, retries: 1 } }),
    );
    expect(ran.status).toBe('succeeded');
    expect(rig().journal()).toEqual(['crash x', 'crash x']);
  });

  it('for want of its program fails the task and says so', async () => {
    const ran = await rig().run(graphOf({ a: { kind: 'echo', with: { value: 1 } } }), {
      workerEntry: '/nowhere/worker.js',
    });
    expect(ran.failures.get('a')).toMatchObject({
      code: 'crash',
      stderr: expect.stringContaining('/nowhere/worker.js'),
    });
  });
});

describe('a step that hangs', () => {
  it('is stopped at its timeout', async () => {
    const ran = await rig().run(beside({ kind: 'hang', timeoutSeconds: 0.2 }), { keepGoing: true });
    expect(ran.failures.get('bad')).toMatchObject({ code: 'timeout' });
    expect(ran.counts).toEqual({ cached: 0, ran: 2, failed: 1, skipped: 1 });
  });

  it('may take longer each time that it is tried again, where its step says so', async () => {
    const ran = await rig().run(
      graphOf({ a: { kind: 'hang', timeoutSeconds: 0.1, retries: 2, onFailure: { time: 2 } } }),
    );
    const failures = ran.all.flatMap((event) => (event.event === 'task.retrying' ? [event.failure] : []));
    const said = [...failures, ran.failures.get('a')!].map(({ message }) => /timeout of (\S+) s/.exec(message)?.[1]);
    expect(said).toEqual(['0.1', '0.2', '0.4']);
  });

  it('is stopped at its timeout in whatever loop it is', async () => {
    const ran = await rig().run(graphOf({ a: { kind: 'spin', with: { name: 'x' }, timeoutSeconds: 1 } }));
    expect(ran.failures.get('a')).toMatchObject({ code: 'timeout' });
  });

  it('takes with it what it has started', async () => {
    const stop = new AbortController();
    const run = rig().run(graphOf({ parent: { kind: 'parent', with: { name: 'x' } } }), { killSignal: stop.signal });
    await rig().started('parent');
    stop.abort();
    expect((await run).status).toBe('interrupted');
    await vanished(Number(readFileSync(rig().path('child-x'), 'utf8')));
  });

  it('may be silent for as long as it computes', async () => {
    const ran = await rig().run(graphOf({ a: { kind: 'toil', with: { name: 'x', ms: 9000 } } }), { stallSeconds: 6 });
    expect(ran.counts).toMatchObject({ ran: 1, failed: 0 });
  });

  it('is stopped when it has said nothing for long', async () => {
    const ran = await rig().run(graphOf({ bad: { kind: 'hang' } }), { stallSeconds: 0.5 });
    expect(ran.failures.get('bad')).toMatchObject({ code: 'stalled' });
  });
});

describe('what a step says to the channel between worker and run', () => {
  it.each(['null', 'garbage', '{"type":"done"}', '{"job":"x","type":"failed","failure":{}}', '{"job":"x"}'])(
    '%s fails its task alone, in words',
    async (says) => {
      const ran = await rig().run(beside({ kind: 'channel', with: { says } }), { keepGoing: true, jobs: 1 });
      expect(ran.counts).toEqual({ cached: 0, ran: 2, failed: 1, skipped: 1 });
      expect(ran.failures.get('bad')).toMatchObject({ code: 'internal', message: expect.stringContaining('channel') });
      expect(ran.failures.get('bad')!.message).toContain(JSON.stringify(says));
    },
  );

  it('about another job is not listened to', async () => {
    const says = '{"job":"x","type":"done"}';
    const graph = graphOf({ bad: { kind: 'channel', with: { says }, timeoutSeconds: 0.5 } });
    expect((await rig().run(graph)).failures.get('bad')).toMatchObject({ code: 'timeout' });
  });

  it('is not to be said by `process.send`: there is none', async () => {
    expect((await rig().run(graphOf({ a: { kind: 'send' } }))).value('a')).toBe('undefined');
  });
});

describe('a step that writes much to its standard error without a newline', () => {
  it('costs the run no more than what it writes', async () => {
    const ran = await rig().run(graphOf({ a: { kind: 'stderr', with: { bytes: 100e6 } } }));
    expect(ran.value('a')).toBe(1);
  });
});

describe('what a step has left going', () => {
  it('writes to no result, and fails nothing else', async () => {
    const graph = graphOf({
      late: { kind: 'late' },
      next: { kind: 'gate', with: { name: 'next' }, needs: ['late'] },
    });
    const run = rig().run(graph, { jobs: 1 });
    await Promise.all([rig().started('next'), rig().started('late')]);
    rig().openGate('next');
    const ran = await run;
    expect(ran.status).toBe('succeeded');
    expect(ran.value('late')).toBe('in time');
    expect((await rig().store.care.verify()).ok).toBe(true);
  });

  it.runIf(process.platform === 'linux')(
    'fails its task in words where an output is still open for writing',
    async () => {
      const ran = await rig().run(beside({ kind: 'open', with: { name: 'x' } }), { keepGoing: true, jobs: 1 });
      expect(ran.failures.get('bad')).toMatchObject({ code: 'output', message: expect.stringContaining('`out`') });
      expect(ran.counts).toEqual({ cached: 0, ran: 2, failed: 1, skipped: 1 });
    },
  );
});

describe('an input that changes while it is read', () => {
  it('fails the task, and nothing is published', async () => {
    const path = rig().write('data.txt', 'before');
    const graph = graphOf({ read: { kind: 'read', with: { file: file(path), gate: 'read' } } });
    const run = rig().run(graph);
    await rig().started('read');
    rig().write('data.txt', 'after!');
    rig().openGate('read');
    const ran = await run;
    expect(ran.failures.get('read')).toMatchObject({ code: 'input-changed', message: expect.stringContaining(path) });
    for await (const record of rig().store.results.all()) expect(record).toBeUndefined();
    expect((await rig().run(graph)).value('read')).toBe(6);
  });
});

describe('consent', () => {
  it('to run code is asked for before anything starts, by step', async () => {
    const graph = graphOf({ a: { kind: 'echo', with: { value: 1 } }, script: { kind: 'code' } });
    const error: unknown = await rig()
      .run(graph)
      .catch((caught) => caught);
    expect(error).toBeInstanceOf(RunRefused);
    expect((error as RunRefused).problems).toMatchObject([{ code: 'code', step: 'script' }]);
    expect(rig().journal()).toEqual([]);
    expect((await rig().plan(graph)).summary.run).toBe(2);
    expect((await rig().run(graph, { allowCode: true })).status).toBe('succeeded');
  });

  it('cannot conjure a GPU', async () => {
    const graph = graphOf({ a: { kind: 'echo', with: { value: 1 }, resources: { device: 'gpu' } } });
    await expect(rig().run(graph)).rejects.toThrow('GPU');
    expect((await rig().plan(graph)).summary.run).toBe(1);
  });
});
