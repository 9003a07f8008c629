import { AsyncLocalStorage } from 'node:async_hooks';
import { renameSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { codeOf, memo } from '@sonde/base';
import { asTaskFailure, TaskFailure } from '../../failure.ts';
import type { StepImplementation, StepKind } from '../../step.ts';
import { watchBusy } from './busy.ts';
import { openChannel } from './channel.ts';
import { CHANNEL, type FromWorker, type ToWorker } from './messages.ts';
import { endMarkedProcesses } from './processes.ts';
import { createProgress } from './progress.ts';
import { watchParent } from './watch-parent.ts';

type JobMessage = ToWorker & { readonly type: 'job' };
type Message = FromWorker extends infer M ? (M extends FromWorker ? Omit<M, 'job'> : never) : never;

/**
 * Turns this process into a worker: takes jobs from the parent process, one at a time, until the parent goes away.
 * What `StepKind.load` gives is kept, so that a model stays loaded from one task to the next.
 */
export function serveWorker(kinds: ReadonlyMap<string, StepKind>): void {
  const mark = process.env.SONDE_WORKER;
  if (mark === undefined) {
    throw new Error('A worker is started by `runGraph`, with a channel to its parent process; this process has none.');
  }
  watchParent();
  // A cluster sends it to every process of a job that it ends. What becomes of the work is the parent's to say.
  process.on('SIGTERM', () => undefined);
  const implementations = new Map<string, Promise<StepImplementation>>();
  const jobs = new AsyncLocalStorage<string>();
  let current: { readonly id: string; readonly abort: AbortController } | undefined;

  function implementation(name: string): Promise<StepImplementation> {
    return memo(implementations, name, () => {
      const kind = kinds.get(name);
      if (kind === undefined) throw new Error(`The worker knows no step kind \`${name}\`.`);
      return kind.load();
    });
  }

  function begin(message: JobMessage): void {
    const { id } = message;
    const abort = new AbortController();
    current = { id, abort };
    const tell = (told: Message) => channel.send({ job: id, ...told });
    const busy = watchBusy(() => tell({ type: 'busy' }));
    const end = (told: Message) => {
      current = undefined;
      busy.stop();
      tell(told);
    };
    jobs.run(id, () =>
      perform(message, implementation, tell, abort.signal).then(
        () => end({ type: 'done' }),
        (error: unknown) => end(failureMessage(error)),
      ),
    );
  }

  const channel = openChannel(
    new Socket({ fd: CHANNEL, readable: true, writable: true }),
    (line) => {
      const message = JSON.parse(line!) as ToWorker;
      if (message.type === 'job') begin(message);
      else current?.abort.abort();
    },
    () => exitWithChildren(mark),
  );
  process.on('uncaughtException', (error) => {
    const from = jobs.getStore();
    if (current === undefined || (from !== undefined && from !== current.id)) {
      // Left going by a step that has ended: the one that is under way is not to fail for it.
      process.stderr.write(`After its step had ended: ${error instanceof Error ? error.stack : String(error)}\n`);
      return;
    }
    channel.send({ job: current.id, ...failureMessage(error) }, () => process.exit(1));
  });
}

/** The parent is gone: end this process and, as the leader of its process group, what its steps have started. */
function exitWithChildren(mark: string): void {
  endMarkedProcesses({ variable: `SONDE_WORKER=${mark}` });
  try {
    process.kill(-process.pid, 'SIGKILL');
  } catch {
    process.exit(1);
  }
}

async function perform(
  { job, device, kept }: JobMessage,
  implementation: (kind: string) => Promise<StepImplementation>,
  tell: (message: Message) => void,
  signal: AbortSignal,
): Promise<void> {
  const step = await implementation(job.kind);
  const output = (name: string): string => join(job.out, name);
  const log = (level: 'info' | 'warning', message: string): void =>
    tell({ type: 'log', level: level === 'warning' ? level : 'info', message: String(message) });
  if (job.type === 'combine') {
    if (step.combine === undefined) throw new Error(`\`${job.kind}\` divides its work but has no \`combine\`.`);
    await step.combine({ config: job.config, parts: job.parts, output, log });
    keep(job.out, kept);
    return;
  }
  const progress = createProgress((done, total, unit) => tell({ type: 'progress', done, total, unit }));
  const { config, shard, scratch, memory, pipeline, ancestors } = job;
  await step.run({
    config,
    ...(shard === undefined ? {} : { shard }),
    device,
    scratch,
    output,
    progress: progress.report,
    log,
    signal,
    ...(memory === undefined ? {} : { memory }),
    ...(pipeline === undefined ? {} : { pipeline }),
    ...(ancestors === undefined ? {} : { ancestors }),
  });
  keep(job.out, kept);
  progress.flush();
}

/** Takes what the step has written to where it does not look: at once, before anything that it has left going goes on. */
function keep(out: string, kept: string): void {
  try {
    renameSync(out, kept);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    throw new TaskFailure({ code: 'output', message: 'The step removed the folder that its outputs were to lie in.' });
  }
}

function failureMessage(error: unknown): Message {
  const { failure, trace } = asTaskFailure(error);
  return { type: 'failed', failure, ...(trace === undefined ? {} : { trace }) };
}
