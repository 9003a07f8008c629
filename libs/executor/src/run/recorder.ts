import type { JsonObject } from '@sonde/base';
import type { TaskId } from '@sonde/pipeline';
import type { RunLog } from '@sonde/store';
import type { EventStream } from './event-stream.ts';
import type { Emit, RunEvent } from './events.ts';

/** Gives every event its time, and to the run's reader and its log in the store. */
export interface Recorder {
  readonly emit: Emit;
  /** The log is there: what was told before it goes to it now. */
  open(log: RunLog, metadata: JsonObject | undefined): void;
  /** The stack of an unforeseen error: for the log alone. */
  trace(task: TaskId, stack: string): void;
}

export function createRecorder(stream: EventStream<RunEvent>): Recorder {
  const early: RunEvent[] = [];
  let log: RunLog | undefined;
  return {
    emit(body) {
      const event = { time: now(), ...body } as RunEvent;
      stream.push(event);
      if (log === undefined) early.push(event);
      else log.append(event);
    },
    open(opened, metadata) {
      log = opened;
      if (metadata !== undefined) log.append({ time: now(), event: 'run.metadata', metadata });
      for (const event of early) log.append(event);
    },
    trace(task, stack) {
      log?.append({ time: now(), event: 'task.trace', task, trace: stack });
    },
  };
}

function now(): string {
  return new Date().toISOString();
}
