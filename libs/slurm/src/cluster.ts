import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '@sonde/base';
import PQueue from 'p-queue';
import { openAccounting } from './accounting.ts';
import { noAnswer, runProgram, wordsOf } from './commands.ts';
import { arrayOptions, resourceOptions, workerScript } from './job-script.ts';
import { endOf, type Sighting } from './job-states.ts';
import { createArrayLimit } from './limits.ts';
import { jobName, prefixOf } from './names.ts';
import { logSaysOutOfMemory } from './out-of-memory.ts';
import { createPace } from './pace.ts';
import { probeNodes } from './probe.ts';
import { type Look, lookAtQueue } from './queue.ts';
import { type Submitted, submit } from './submit.ts';
import type { Cluster, ClusterOptions, Ensured, Wanted, Worker } from './types.ts';
import { createWatch } from './watch.ts';

/** So many workers of a shape that fail one after the other, none ending well: there is no use in more. */
const HOPELESS = 10;
const MOST_IDS = 500;

/** The workers of a scope on the cluster that this machine submits to. Asks nothing of it yet. */
export function openCluster(options: ClusterOptions): Cluster {
  const { profile, scope, folder, cwd, command } = options;
  const pace = options.pace ?? { submit: 1000, look: 10_000 };
  const prefix = prefixOf(scope);
  const probes = `${prefix}probe-`;
  const logs = path.join(folder, 'logs');
  const accounting = openAccounting(prefix);
  const watch = createWatch({ lookUp: async (ids) => withCauses(await accounting.lookUp(ids)) });
  const arrayLimit = createArrayLimit(profile.limits.array);
  const paced = createPace(pace.submit);
  // Looks and submissions take turns: what a look does not show was not there.
  const turns = new PQueue({ concurrency: 1 });
  const oneByOne = <T>(work: () => Promise<T>): Promise<T> => turns.add(work);
  let last: { readonly look: Look; readonly at: number } | undefined;
  /** Names whose last submission nobody answered: a look must tell first. */
  const unsure = new Set<string>();
  /** After a limit was met, arrays of a name begin smaller. */
  const sizes = new Map<string, number>();

  async function look(): Promise<Look> {
    if (last !== undefined && performance.now() - last.at < pace.look) return last.look;
    const seen = await lookAtQueue(prefix);
    last = { look: seen, at: performance.now() };
    await watch.take(seen.ok ? { ...seen, jobs: await withCauses(without(seen.jobs, probes)) } : seen);
    if (seen.ok) unsure.clear();
    return seen;
  }

  /** What their nodes ended for want of memory, which Slurm may call failed as well: the logs say so. */
  async function withCauses(jobs: ReadonlyMap<string, Sighting>): Promise<ReadonlyMap<string, Sighting>> {
    const seen = new Map(jobs);
    for (const [id, one] of jobs) {
      const wasKilled = one.meaning === 'failed' && (one.exitCode ?? 0) === 0;
      if (wasKilled && (await logSaysOutOfMemory(path.join(logs, `${id}.log`))))
        seen.set(id, { ...one, meaning: 'out-of-memory' });
    }
    return seen;
  }

  async function ensureOne({ shape, workers }: Wanted, alive: number): Promise<Ensured> {
    const name = jobName(scope, shape);
    const answer = (submitted: number, later: string | undefined): Ensured => {
      const there = watch.there(name);
      return { shape, there, submitted, later: there >= workers ? undefined : later };
    };
    const missing = workers - watch.there(name);
    if (missing <= 0) return answer(0, undefined);
    if (unsure.has(name)) return answer(0, 'the controller did not answer the last submission; the queue will tell');
    const failed = watch.failedInARow(name, HOPELESS);
    if (failed !== undefined)
      throw await hopeless(`${HOPELESS} workers in a row failed; the last`, failed.at(-1)!, logs);
    const { most } = profile.workers;
    const room = most - watch.thereInAll();
    const roomOfUser = (profile.limits.jobs ?? Number.POSITIVE_INFINITY) - alive;
    if (room <= 0) return answer(0, `${most} workers are there, the most that the profile allows`);
    if (roomOfUser <= 0) return answer(0, `you have ${alive} jobs, the most that the profile allows`);
    const fewest = Math.min(missing, room, roomOfUser, await arrayLimit(), sizes.get(name) ?? missing);
    const size = Math.max(1, fewest);
    await mkdir(logs, { recursive: true });
    const avoid = watch.failingNodes();
    const asked = [...arrayOptions(profile, { name, size, logs, avoid }), ...resourceOptions(profile, shape)];
    const script = workerScript(profile, shape, { cwd, command: command(shape) });
    const came = await paced(() => submit(asked, script)).catch(async (error: UserError) => {
      // What Slurm refuses may be that no node is left.
      const [last] = watch.failedInARow(name, 1) ?? [];
      if (avoid.length === 0 || last === undefined) throw error;
      throw await hopeless(
        `workers failed thrice in a row on ${avoid.join(' and ')}, and there is no other node; the last`,
        last,
        logs,
      );
    });
    if (came.type === 'unsure') {
      unsure.add(name);
      return answer(0, `no answer from Slurm: ${came.words}`);
    }
    if (came.type === 'later') {
      // One job of a user who has none is refused for what it asks, not for how many there are.
      if (size === 1 && alive === 0 && !/temporarily/i.test(came.words))
        throw new UserError('cluster', `sbatch refuses a single job: ${came.words}`, `The job: ${name}.`);
      sizes.set(name, Math.max(1, Math.floor(size / 2)));
      return answer(0, `Slurm: ${came.words}`);
    }
    sizes.delete(name);
    for (let index = 0; index < size; index++) watch.submitted(`${came.id}_${index}`, name);
    return answer(size, size < missing ? `${size} of them in one array; the others follow` : undefined);
  }

  /** Every job of the scope that has not ended, probes among them. */
  async function allAlive(): Promise<readonly string[]> {
    const seen = await look();
    if (!seen.ok) throw notTaken(seen.words, 'Cancel again when it answers.');
    const listed = [...seen.jobs.values()].filter((one) => endOf(one) === undefined).map(({ id }) => id);
    const known = watch.workers().filter(({ state }) => state !== 'ended');
    return [...new Set([...listed, ...known.map(({ id }) => id)])];
  }

  return {
    probe: (shapes, { signal, onWait } = {}) => {
      const submitted = (send: () => Promise<Submitted>): Promise<Submitted> => oneByOne(() => paced(send));
      const glance = Math.min(2000, pace.look);
      const asked = { prefix: probes, look: () => oneByOne(look), submitted, glance, ...(onWait && { onWait }) };
      return probeNodes({ ...options, ...asked }, shapes, signal);
    },

    ensure: (wanted) =>
      oneByOne(async () => {
        const seen = await look();
        const ensured: Ensured[] = [];
        let submitted = 0;
        for (const one of wanted) {
          if (!seen.ok) {
            const there = watch.there(jobName(scope, one.shape));
            ensured.push({ shape: one.shape, there, submitted: 0, later: `no answer from Slurm: ${seen.words}` });
            continue;
          }
          const came = await ensureOne(one, seen.alive + submitted);
          submitted += came.submitted;
          ensured.push(came);
        }
        return ensured;
      }),

    workers: (others = []) =>
      oneByOne(async () => {
        for (const id of others) watch.heardOf(id);
        await look();
        return watch.workers();
      }),

    cancel: (ids) =>
      oneByOne(async () => {
        const chosen = ids ?? (await allAlive());
        for (let at = 0; at < chosen.length; at += MOST_IDS) {
          const said = await runProgram('scancel', ['--quiet', ...chosen.slice(at, at + MOST_IDS)]);
          if (noAnswer(said)) throw notTaken(wordsOf(said), `When it answers again: scancel ${chosen.join(' ')}`);
        }
      }),
  };
}

function notTaken(words: string, hint: string): UserError {
  return new UserError('cluster', `Slurm does not answer, and has cancelled nothing: ${words}`, hint);
}

function without(jobs: ReadonlyMap<string, Sighting>, prefix: string): ReadonlyMap<string, Sighting> {
  return new Map([...jobs].filter(([, { job }]) => !job.startsWith(prefix)));
}

async function hopeless(what: string, worker: Worker, logs: string): Promise<UserError> {
  const file = path.join(logs, `${worker.id}.log`);
  const text = await readFile(file, 'utf8').catch(() => '');
  const tail = text.trim().split('\n').slice(-5).join('\n');
  return new UserError(
    'cluster',
    `${what}: ${worker.state === 'ended' ? worker.words : worker.id}`,
    tail === '' ? `Its log is ${file}.` : `Its last lines (${file}):\n${tail}`,
  );
}
