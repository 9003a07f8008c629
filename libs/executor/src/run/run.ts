import { availableParallelism } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type { Graph, TaskId, TaskNode } from '@sonde/pipeline';
import type { Digest, ResultRecord, RunLog } from '@sonde/store';
import PQueue from 'p-queue';
import { acceleratorLeases, cpuLeases } from '../backends/local/devices.ts';
import { createJobQueue } from '../backends/local/job-queue.ts';
import { createPool, type WorkerPool } from '../backends/local/pool.ts';
import { type Prepared, prepare, refuseUnusable } from '../decide/prepare.ts';
import { ranks } from '../decide/select.ts';
import type { RunHandle, RunOptions, RunResult } from '../options.ts';
import { createEventStream, type EventStream } from './event-stream.ts';
import type { Counts, RunEvent } from './events.ts';
import { createStop, type EventBody, type Execution, type Lane, type Stop } from './execution.ts';
import { runTasks } from './tasks.ts';

const STALL_SECONDS = 30 * 60;
/** How long a step that was told to stop may take to finish, in milliseconds. */
const GRACE = 2000;
/** Inputs that are read and checked at a time. */
const READING = 4;

/**
 * Runs what is not cached. Decides by the same code as `planGraph`; publishes each result as soon as it is complete,
 * so that a run that was cut off goes on where it was. Failures of tasks are in the result; it rejects only where
 * nothing was started (`RunRefused`) or the store cannot record the run (`StoreError`).
 */
export function runGraph(graph: Graph, options: RunOptions): RunHandle {
  const events = createEventStream<RunEvent>();
  const result = start(graph, options, events).finally(() => events.end());
  // Whoever reads only the events has not asked for the result.
  result.catch(() => {});
  return { events, result };
}

async function start(graph: Graph, options: RunOptions, events: EventStream<RunEvent>): Promise<RunResult> {
  const began = performance.now();
  const early: RunEvent[] = [];
  const tell = (body: EventBody) => {
    const event = { time: now(), ...body } as RunEvent;
    early.push(event);
    events.push(event);
  };
  const prepared = await prepare(graph, options, {
    allowCode: options.allowCode === true,
    ask: {
      signal: options.signal ?? new AbortController().signal,
      resolved: (ref, commit, from) => tell({ event: 'data.resolved', ref, commit, from }),
      retry: (ref, message, seconds) => tell({ event: 'data.retrying', ref, message, seconds }),
    },
  });
  await refuseUnusable(prepared, options);
  const log = await options.store.runs.create(runMeta(graph, prepared));
  if (options.metadata !== undefined) log.append({ time: now(), event: 'run.metadata', metadata: options.metadata });
  const emit = (body: EventBody) => {
    const event = { time: now(), ...body } as RunEvent;
    log.append(event);
    events.push(event);
  };
  for (const event of early) log.append(event);
  emit({
    event: 'run.started',
    run: log.id,
    pipeline: graph.name,
    store: options.store.dir,
    tasks: prepared.tasks.length,
  });

  const jobs = options.jobs ?? availableParallelism();
  const threads = options.threadsTotal ?? availableParallelism();
  const [cpu, accelerated] = [
    cpuLeases(jobs, threads),
    acceleratorLeases(options.accelerators ?? [], threads, process.env),
  ].map((leases) => createPool(leases, options.workerEntry, options.env ?? {})) as [WorkerPool, WorkerPool];
  const pools = [cpu, accelerated];
  const stop = createStop();
  const stopListening = listen(options, stop, pools);
  try {
    const execution = createExecution(options, prepared, log, emit, { cpu, accelerated }, stop);
    const { counts, failures } = await runTasks(execution, prepared, (task, trace) =>
      log.append({ time: now(), event: 'task.trace', task, trace }),
    );
    const status = stop.reason === 'interrupted' ? 'interrupted' : failures.size > 0 ? 'failed' : 'succeeded';
    const seconds = Math.round(performance.now() - began) / 1000;
    emit({ event: 'run.finished', run: log.id, status, counts, seconds });
    await log.finish({ status, counts: { ...counts } satisfies Counts, seconds });
    return { run: log.id, status, counts, records: execution.records, failures, seconds };
  } finally {
    stopListening();
    for (const pool of pools) pool.kill();
  }
}

const now = (): string => new Date().toISOString();

function runMeta(graph: Graph, { tasks, decisions }: Prepared) {
  const file = graph.files[0];
  const hex = file?.sha256.replace(/^sha256:/, '') ?? '0'.repeat(64);
  const keys = tasks.map((task) => {
    const decision = decisions.get(task.id);
    return [task.id, decision === undefined || decision.state === 'unknown' ? null : decision.key] as const;
  });
  return {
    pipeline: graph.name,
    file: file?.path ?? '',
    digest: `sha256:${hex}` as Digest,
    params: graph.params,
    plan: Object.fromEntries(keys),
  };
}

/** Turns the caller's signals into an orderly stop: told, then after the grace period killed; or killed at once. */
function listen({ signal, killSignal }: RunOptions, stop: Stop, pools: readonly WorkerPool[]): () => void {
  const over = new AbortController();
  const onAbort = () => {
    stop.set('interrupted');
    for (const pool of pools) pool.abort();
    delay(GRACE, undefined, { signal: over.signal }).then(
      () => {
        for (const pool of pools) pool.kill();
      },
      () => {},
    );
  };
  const onKill = () => {
    stop.set('interrupted');
    for (const pool of pools) pool.kill();
  };
  for (const [source, action] of [
    [signal, onAbort],
    [killSignal, onKill],
  ] as const) {
    if (source?.aborted === true) action();
    else source?.addEventListener('abort', action, { once: true, signal: over.signal });
  }
  return () => over.abort();
}

function createExecution(
  options: RunOptions,
  { tasks, context }: Prepared,
  log: RunLog,
  emit: (event: EventBody) => void,
  pools: { readonly cpu: WorkerPool; readonly accelerated: WorkerPool },
  stop: Stop,
): Omit<Execution, 'repair'> {
  const records = new Map<TaskId, ResultRecord>();
  const laneFor = (pool: WorkerPool): Lane => ({ pool, jobs: createJobQueue(pool) });
  const cpu = laneFor(pools.cpu);
  const accelerated = pools.accelerated.size > 0 ? laneFor(pools.accelerated) : cpu;
  const byId = new Map(tasks.map((task) => [task.id, task]));
  return {
    run: log.id,
    store: options.store,
    options,
    stallSeconds: options.stallSeconds ?? STALL_SECONDS,
    context,
    ranks: ranks(tasks),
    laneOf: (provider) => (provider === 'cpu' ? cpu : accelerated),
    reading: new PQueue({ concurrency: READING }),
    units: new Map(),
    dividing: new Set(),
    records,
    stop,
    recordsUpstream: (task) => upstream(byId, task).map((id) => records.get(id)!),
    emit,
  };
}

function upstream(byId: ReadonlyMap<TaskId, TaskNode>, task: TaskId): TaskId[] {
  const found = new Set<TaskId>();
  const pending = [...byId.get(task)!.needs];
  for (let id = pending.pop(); id !== undefined; id = pending.pop()) {
    if (found.has(id)) continue;
    found.add(id);
    pending.push(...byId.get(id)!.needs);
  }
  return [...found];
}
