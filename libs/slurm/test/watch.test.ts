import { describe, expect, it } from 'vitest';
import { meaningOf, type Sighting } from '../src/job-states.ts';
import { exitCodeOf, type Look } from '../src/queue.ts';
import { createWatch } from '../src/watch.ts';

function sighting(word: string, more: Partial<Sighting> = {}): Sighting {
  const meaning = meaningOf(word);
  return { id: '7_0', job: 'j', meaning, word, reason: '', node: 'n1', exitCode: 0, restarts: 0, ...more };
}

function look(...jobs: Sighting[]): Look {
  return { ok: true, jobs: new Map(jobs.map((one) => [one.id, one])), alive: jobs.length };
}

const knowsNothing = { lookUp: async () => new Map<string, Sighting>() };

describe('the end of a job', () => {
  it.each([
    ['COMPLETED', 'completed', 'it ended as it should'],
    ['FAILED', 'failed', 'its program failed'],
    ['TIMEOUT', 'timeout', 'it reached its time limit'],
    ['PREEMPTED', 'preempted', 'Slurm took its node for another job'],
    ['NODE_FAIL', 'node-fail', 'its node failed'],
    ['OUT_OF_MEMORY', 'out-of-memory', 'it used more memory than it had asked for'],
    ['CANCELLED by 1000', 'cancelled', 'it was cancelled'],
    ['BOOT_FAIL', 'boot-fail', 'its node could not be started'],
    ['DEADLINE', 'deadline', 'it reached its deadline'],
  ])('%s is believed when Slurm has said it twice, and told in words', async (word, end, words) => {
    const watch = createWatch(knowsNothing);
    await watch.take(look(sighting('RUNNING')));
    await watch.take(look(sighting(word)));
    expect(watch.workers()).toMatchObject([{ state: 'unknown', because: 'once' }]);
    expect(watch.there('j')).toBe(1);
    await watch.take(look(sighting(word)));
    expect(watch.workers()).toMatchObject([{ state: 'ended', end, words: `the job 7_0 on n1: ${words}` }]);
    expect(watch.there('j')).toBe(0);
  });

  it('is none where Slurm starts the job again between two looks', async () => {
    const watch = createWatch(knowsNothing);
    await watch.take(look(sighting('PREEMPTED')));
    await watch.take(look(sighting('PENDING', { restarts: 1 })));
    await watch.take(look(sighting('PREEMPTED', { restarts: 1 })));
    expect(watch.workers()).toMatchObject([{ state: 'unknown', because: 'once', restarts: 1 }]);
  });

  it('is none where two looks differ, or the second is not answered', async () => {
    const watch = createWatch(knowsNothing);
    await watch.take(look(sighting('NODE_FAIL')));
    await watch.take(look(sighting('CANCELLED')));
    expect(watch.workers()).toMatchObject([{ state: 'unknown', because: 'once' }]);
    await watch.take({ ok: false, words: 'Unable to contact slurm controller' });
    expect(watch.workers()).toMatchObject([{ state: 'unknown', because: 'no-answer' }]);
    await watch.take(look(sighting('CANCELLED')));
    expect(watch.workers()).toMatchObject([{ state: 'ended', end: 'cancelled' }]);
  });

  it('is not read into a word that is not known', async () => {
    const watch = createWatch(knowsNothing);
    for (let at = 0; at < 3; at++) await watch.take(look(sighting('EVAPORATED')));
    expect(watch.workers()).toMatchObject([{ state: 'unknown' }]);
    expect(watch.there('j')).toBe(1);
  });

  it('is not read into absence: the job is unknown, and no longer counted after two looks', async () => {
    const watch = createWatch(knowsNothing);
    watch.submitted('7_0', 'j');
    await watch.take(look());
    expect(watch.there('j')).toBe(1);
    await watch.take(look());
    expect(watch.workers()).toMatchObject([{ state: 'unknown', because: 'absent' }]);
    expect(watch.there('j')).toBe(0);
    await watch.take(look(sighting('RUNNING')));
    expect(watch.there('j')).toBe(1);
  });

  it('is not what the accounting says of a job that it still shows as running', async () => {
    const watch = createWatch({ lookUp: async (ids) => new Map(ids.map((id) => [id, sighting('RUNNING', { id })])) });
    watch.submitted('7_0', 'j');
    for (let at = 0; at < 3; at++) await watch.take(look());
    expect(watch.workers()).toMatchObject([{ state: 'unknown', because: 'absent' }]);
  });
});

describe('nodes', () => {
  it('are avoided when three jobs in a row failed there; one that ends well makes up for those before', async () => {
    const watch = createWatch(knowsNothing);
    const end = async (id: string, word: string, node: string): Promise<void> => {
      watch.submitted(id, 'j');
      for (let at = 0; at < 2; at++) await watch.take(look(sighting(word, { id, node })));
    };
    for (const [at, word] of ['FAILED', 'FAILED', 'COMPLETED', 'FAILED', 'TIMEOUT', 'NODE_FAIL'].entries())
      await end(`${at}_0`, word, 'n1');
    expect(watch.failingNodes()).toEqual([]);
    await end('9_0', 'BOOT_FAIL', 'n1');
    expect(watch.failingNodes()).toEqual(['n1']);
  });

  it('are not blamed for what had ended before anybody looked', async () => {
    const watch = createWatch(knowsNothing);
    const old = [1, 2, 3].map((at) => sighting('FAILED', { id: `${at}_0` }));
    for (let at = 0; at < 3; at++) await watch.take(look(...old));
    expect(watch.failingNodes()).toEqual([]);
    expect(watch.failedInARow('j', 1)).toBeUndefined();
  });
});

it('an exit status is read as squeue and as sacct write it', () => {
  expect([exitCodeOf('18176'), exitCodeOf('71:0'), exitCodeOf('0'), exitCodeOf('')]).toEqual([71, 71, 0, undefined]);
});
