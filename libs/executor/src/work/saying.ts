import { hostname } from 'node:os';
import type { Key, Spool } from '@sonde/store';
import type { JobListener } from '../backends/backend.ts';
import type { HandedBack, LiveState, Order, SaidLine } from '../spool/order.ts';
import { plain } from '../spool/plain.ts';

/** What is said of an order is written at most so often, in milliseconds. */
const EVERY = 1000;
/** The last lines that are kept. */
const LINES = 100;
/** Of what its process wrote, and of each line so many characters. */
const WRITTEN_LINES = 5;
const WRITTEN_LINE = 300;

/** Says what goes on with one order, for whoever waits for it. */
export interface Saying {
  readonly listener: JobListener;
  start(device: string, attempt: number): void;
  /** The step's own total, as far as it has told it. */
  total(): { readonly total: number; readonly unit: string } | undefined;
  said(): readonly SaidLine[];
  /** Nothing more is written; what was is left to the caller. */
  stop(): Promise<void>;
  /** Leaves word for the next worker, after `stop`. */
  handBack(handedBack: HandedBack): Promise<void>;
}

export interface SayingOptions {
  readonly spool: Spool;
  readonly order: Order;
  readonly losses: number;
  readonly handedBack: HandedBack | undefined;
  readonly job?: string;
  /** Whether the order is still wanted: asked now and then. */
  readonly stillWanted: () => Promise<boolean>;
  readonly onUnwanted: () => void;
}

export async function startSaying(options: SayingOptions): Promise<Saying> {
  const { spool, order, losses, handedBack, job } = options;
  const key: Key = order.key;
  const lines: SaidLine[] = [];
  let number = 0;
  let state: LiveState = {
    order: order.id,
    run: order.run,
    task: order.task.id,
    step: order.task.step,
    host: hostname(),
    pid: process.pid,
    ...(job === undefined ? {} : { job }),
    attempt: 0,
    losses,
    ...(handedBack === undefined ? {} : { handedBack }),
    said: [],
  };
  let written: (() => string) | undefined;
  const lastWritten = () => {
    const text = written?.() ?? '';
    if (text === '') return {};
    return {
      wrote: text
        .split('\n')
        .slice(-WRITTEN_LINES)
        .map((line) => line.slice(0, WRITTEN_LINE)),
    };
  };
  const write = () => spool.writeLive(key, plain({ ...state, said: lines.slice(-LINES), ...lastWritten() }));
  // Before anything is done: whoever finds it left behind knows that a worker was lost.
  await write();
  let changed = false;
  let writing: Promise<void> = Promise.resolve();
  const timer = setInterval(() => {
    writing = writing.then(tick).catch(() => {
      // The next one tries again; only what is shown suffers.
    });
  }, EVERY);

  async function tick(): Promise<void> {
    if (changed) {
      changed = false;
      await write();
    }
    if (!(await options.stillWanted())) options.onUnwanted();
  }

  return {
    listener: {
      progress(done, total, unit) {
        state = { ...state, progress: { done, total, unit } };
        changed = true;
      },
      log(level, message) {
        number += 1;
        lines.push({ number, level, message });
        if (lines.length > LINES) lines.shift();
        changed = true;
      },
      wrote(lastLines) {
        written = lastLines;
        changed = true;
      },
    },
    start(device, attempt) {
      state = { ...state, device, attempt };
      written = undefined;
      changed = true;
    },
    total: () => state.progress && { total: state.progress.total, unit: state.progress.unit },
    said: () => lines,
    async stop() {
      clearInterval(timer);
      await writing;
    },
    handBack(since) {
      const { device: _, progress: __, ...rest } = state;
      written = undefined;
      state = { ...rest, handedBack: since, idle: true };
      return write();
    },
  };
}
