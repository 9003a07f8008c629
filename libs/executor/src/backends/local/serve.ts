import { join } from 'node:path';
import { asTaskFailure } from '../../failure.ts';
import type { Device, StepImplementation, StepKind } from '../../step.ts';
import type { Job } from '../backend.ts';
import type { FromWorker, ToWorker } from './messages.ts';

/** Progress is sent at most this often (ms): a step may report every row. */
const PROGRESS_INTERVAL = 100;

/**
 * Turns this process into a worker: takes jobs from the parent process, one at a time, until the parent goes away.
 * What `StepKind.load` gives is kept, so that a model stays loaded from one task to the next.
 */
export function serveWorker(kinds: ReadonlyMap<string, StepKind>): void {
  if (process.send === undefined) {
    throw new Error('A worker is started by `runGraph`, with a channel to its parent process; this process has none.');
  }
  const loaded = new Map<string, Promise<StepImplementation>>();
  const implementation = (name: string): Promise<StepImplementation> => {
    let found = loaded.get(name);
    if (found === undefined) {
      const kind = kinds.get(name);
      if (kind === undefined) throw new Error(`The worker knows no step kind \`${name}\`.`);
      found = kind.load();
      loaded.set(name, found);
    }
    return found;
  };

  let abort = new AbortController();
  process.on('message', (message: ToWorker) => {
    if (message.type === 'abort') {
      abort.abort();
      return;
    }
    abort = new AbortController();
    perform(message.job, message.device, implementation, abort.signal).then(
      () => send({ type: 'done' }),
      (error: unknown) => send(failureMessage(error)),
    );
  });
  process.on('uncaughtException', (error) => {
    process.send?.(failureMessage(error), () => process.exit(1));
  });
  process.on('disconnect', exitWithChildren);
}

/** The parent is gone: end this process and, as the leader of its process group, what its step started. */
function exitWithChildren(): void {
  try {
    process.kill(-process.pid, 'SIGKILL');
  } catch {
    process.exit(1);
  }
}

function send(message: FromWorker): void {
  process.send?.(message);
}

async function perform(
  job: Job,
  device: Device,
  implementation: (kind: string) => Promise<StepImplementation>,
  signal: AbortSignal,
): Promise<void> {
  const step = await implementation(job.kind);
  const output = (name: string): string => join(job.out, name);
  if (job.type === 'combine') {
    if (step.combine === undefined) throw new Error(`\`${job.kind}\` divides its work but has no \`combine\`.`);
    await step.combine({ config: job.config, parts: job.parts, output });
    return;
  }
  const progress = createProgress();
  await step.run({
    config: job.config,
    ...(job.shard === undefined ? {} : { shard: job.shard }),
    device,
    scratch: job.scratch,
    output,
    progress: progress.report,
    log: (level, message) => send({ type: 'log', level, message }),
    signal,
    ...(job.pipeline === undefined ? {} : { pipeline: job.pipeline }),
    ...(job.ancestors === undefined ? {} : { ancestors: job.ancestors }),
  });
  progress.flush();
}

function createProgress() {
  let last = Number.NEGATIVE_INFINITY;
  let pending: FromWorker | undefined;
  const flush = () => {
    if (pending !== undefined) send(pending);
    pending = undefined;
  };
  const report = (done: number, total: number, unit: string) => {
    pending = { type: 'progress', done, total, unit };
    if (performance.now() - last >= PROGRESS_INTERVAL) {
      flush();
      last = performance.now();
    }
  };
  return { report, flush };
}

function failureMessage(error: unknown): FromWorker {
  const { failure, trace } = asTaskFailure(error);
  return { type: 'failed', failure, ...(trace === undefined ? {} : { trace }) };
}
