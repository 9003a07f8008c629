import type { Graph } from '@sonde/pipeline';
import { createLocalBackend, type LocalOptions } from './backends/local/backend.ts';
import type { RunHandle, ScheduleOptions } from './run/options.ts';
import { startRun } from './run/run.ts';

export interface RunOptions extends ScheduleOptions, LocalOptions {}

/**
 * Runs what is not cached, on this machine. Decides by the same code as `planGraph`; publishes each result as soon as it
 * is complete, so that a run that was cut off goes on where it was. Failures of tasks are in the result; it rejects only
 * where nothing was started (`RunRefused`) or the store cannot record the run (`StoreError`).
 */
export function runGraph(graph: Graph, options: RunOptions): RunHandle {
  return startRun(graph, options, (onHeld) => createLocalBackend(options, onHeld));
}
