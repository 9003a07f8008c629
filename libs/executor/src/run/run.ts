import { setTimeout as delay } from 'node:timers/promises';
import type { Graph } from '@sonde/pipeline';
import type { Digest, RunMeta } from '@sonde/store';
import type { Backend, DeviceHolder } from '../backends/backend.ts';
import { refuseUnusable } from '../decide/allowed.ts';
import { type Prepared, prepare } from '../decide/prepare.ts';
import { createAway } from './away.ts';
import { createEventStream } from './event-stream.ts';
import type { RunEvent } from './events.ts';
import { createLedger } from './ledger.ts';
import type { RunHandle, RunResult, ScheduleOptions } from './options.ts';
import { createReader } from './reader.ts';
import { createRecorder, type Recorder } from './recorder.ts';
import { createStop, GRACE, type Stop } from './stop.ts';
import { runTasks } from './tasks.ts';
import { createUnits } from './units.ts';

/** @param onHeld a device is waited for that another process has */
type StartBackend = (onHeld: (device: string, holder: DeviceHolder) => void) => Backend;

/** Runs what is not cached on a back end, which is started when there is something to run. */
export function startRun(graph: Graph, options: ScheduleOptions, startBackend: StartBackend): RunHandle {
  const events = createEventStream<RunEvent>();
  const result = conduct(graph, options, startBackend, createRecorder(events)).finally(() => events.end());
  // Whoever reads only the events has not asked for the result.
  result.catch(() => {});
  return { events, result };
}

async function conduct(
  graph: Graph,
  options: ScheduleOptions,
  startBackend: StartBackend,
  recorder: Recorder,
): Promise<RunResult> {
  const began = performance.now();
  const { store } = options;
  const { emit } = recorder;
  const prepared = await prepareToRun(graph, options, recorder);
  const log = await store.runs.create(runMeta(graph, prepared));
  recorder.open(log, options.metadata);
  const run = log.id;
  emit({ event: 'run.started', run, pipeline: graph.name, store: store.dir, tasks: prepared.tasks.length });

  const ledger = createLedger(emit);
  const stop = createStop();
  const away = options.away === undefined ? undefined : createAway({ ...options.away, run, store, stop, emit });
  const backend = startBackend((device, holder) => emit({ event: 'device.waiting', device, holder }));
  const stopListening = listen(options, stop, backend);
  try {
    const units = createUnits({ run, store, backend, stop, emit, ...(away === undefined ? {} : { away }) });
    await runTasks({ run, prepared, ledger, units, reader: createReader(store), recorder, stop }, options);
  } finally {
    stopListening();
    away?.close();
    backend.kill();
  }
  const { records, failures } = ledger;
  const counts = ledger.counts();
  const status = stop.reason === 'interrupted' ? 'interrupted' : failures.size > 0 ? 'failed' : 'succeeded';
  const seconds = Math.round(performance.now() - began) / 1000;
  emit({ event: 'run.finished', run, status, counts, seconds });
  await log.finish({ status, counts: { ...counts }, seconds });
  return { run, status, counts, records, failures, seconds };
}

async function prepareToRun(graph: Graph, options: ScheduleOptions, { emit }: Recorder): Promise<Prepared> {
  const prepared = await prepare(graph, options, {
    allowCode: options.allowCode === true,
    ask: {
      signal: options.signal ?? new AbortController().signal,
      resolved: (ref, commit, from) => emit({ event: 'data.resolved', ref, commit, from }),
      retry: (ref, message, seconds) => emit({ event: 'data.retrying', ref, message, seconds }),
    },
  });
  const { tasks, context, decisions } = prepared;
  // Devices of other machines cannot be tried here.
  const { away, tryAccelerator } = options;
  await refuseUnusable(tasks, context, decisions, away === undefined ? tryAccelerator : undefined);
  return prepared;
}

function runMeta(graph: Graph, { tasks, decisions }: Prepared): RunMeta {
  const file = graph.files[0];
  const keys = tasks.map((task) => {
    const decision = decisions.get(task.id);
    return [task.id, decision === undefined || decision.state === 'unknown' ? null : decision.key] as const;
  });
  return {
    pipeline: graph.name,
    ...(file === undefined ? {} : { file: file.path, digest: digestOf(file.sha256) }),
    params: graph.params,
    plan: Object.fromEntries(keys),
  };
}

function digestOf(sha256: string): Digest {
  return `sha256:${sha256.replace(/^sha256:/, '')}`;
}

/** Turns the caller's signals into an orderly stop: told, then after the grace period killed; or killed at once. */
function listen({ signal, killSignal, graceSeconds }: ScheduleOptions, stop: Stop, backend: Backend): () => void {
  const over = new AbortController();
  const onAbort = () => {
    stop.set('interrupted');
    backend.abort();
    delay(graceSeconds === undefined ? GRACE : graceSeconds * 1000, undefined, { signal: over.signal }).then(
      () => backend.kill(),
      () => {},
    );
  };
  const onKill = () => {
    stop.set('interrupted');
    backend.kill();
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
