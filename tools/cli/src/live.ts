import type { RunEvent } from '@sonde/executor';
import { createLogUpdate } from 'log-update';
import stringWidth from 'string-width';
import { formatBytes, formatSeconds } from './format.ts';
import type { Terminal } from './terminal.ts';

interface RunningStep {
  readonly step: string;
  readonly device: string;
  readonly started: number;
  /** Progress of each of its running tasks. */
  readonly tasks: Map<string, { done: number; total: number; unit: string }>;
}

export interface Display {
  show(event: RunEvent): void;
  /** Prints a line above the live part. */
  print(line: string): void;
  close(): void;
}

const BAR = 16;

const bar = (share: number): string => {
  const full = Math.round(share * BAR);
  return '━'.repeat(full) + '╌'.repeat(BAR - full);
};

interface Download {
  readonly started: number;
  /** Bytes that were here when it began. */
  readonly before: number;
  readonly done: number;
  readonly total: number;
}

/** One line a running step: tasks finished of its total, progress in its own unit, rate, time left, device. */
export const createLiveDisplay = (terminal: Terminal, tasksOfStep: ReadonlyMap<string, number>): Display => {
  const update = createLogUpdate(process.stderr, { showCursor: true });
  const running = new Map<string, RunningStep>();
  const finished = new Map<string, number>();
  const downloads = new Map<string, Download>();
  const { colors } = terminal;

  const lineOf = (entry: RunningStep, width: number): string => {
    const all = tasksOfStep.get(entry.step) ?? 1;
    const ended = finished.get(entry.step) ?? 0;
    let [done, total, unit] = [0, 0, ''];
    for (const task of entry.tasks.values()) {
      done += task.done;
      total += task.total;
      unit = task.unit;
    }
    const inFlight = [...entry.tasks.values()].reduce((sum, t) => sum + (t.total > 0 ? t.done / t.total : 0), 0);
    const share = Math.min(1, (ended + inFlight) / all);
    const seconds = (Date.now() - entry.started) / 1000;
    const parts = [entry.step.padEnd(width), colors.cyan(bar(share))];
    if (all > 1) parts.push(`${ended}/${all} tasks`);
    if (total > 0) {
      parts.push(`${done}/${total} ${unit}`);
      if (seconds > 1 && done > 0) parts.push(`${(done / seconds).toPrecision(3)}/s`);
    }
    const left = share > 0.02 ? (seconds * (1 - share)) / share : undefined;
    parts.push(
      colors.dim(left === undefined ? formatSeconds(seconds) : `${formatSeconds(left)} left`),
      colors.dim(entry.device),
    );
    return parts.join('  ');
  };

  const lineOfDownload = (ref: string, { started, before, done, total }: Download, width: number): string => {
    const rate = (done - before) / ((Date.now() - started) / 1000);
    const parts = [ref.padEnd(width), colors.cyan(bar(total > 0 ? done / total : 1))];
    parts.push(`${formatBytes(done)} of ${formatBytes(total)}`);
    if (rate > 0 && Number.isFinite(rate)) {
      parts.push(`${formatBytes(Math.round(rate))}/s`, colors.dim(`${formatSeconds((total - done) / rate)} left`));
    }
    return parts.join('  ');
  };

  const render = (): void => {
    const columns = process.stderr.columns ?? 80;
    const names = [...downloads.keys(), ...[...running.values()].map((entry) => entry.step)];
    const width = Math.min(Math.max(0, ...names.map((name) => stringWidth(name))), Math.floor(columns / 3));
    const lines = [
      ...[...downloads].map(([ref, download]) => lineOfDownload(ref, download, width)),
      ...[...running.values()].map((entry) => lineOf(entry, width)),
    ];
    update(lines.join('\n'));
  };
  const timer = setInterval(render, 100);
  timer.unref();

  const end = (step: string, task: string, counts: boolean): void => {
    if (counts) finished.set(step, (finished.get(step) ?? 0) + 1);
    const entry = running.get(step);
    entry?.tasks.delete(task);
    if (entry !== undefined && entry.tasks.size === 0) running.delete(step);
  };

  return {
    show(event) {
      switch (event.event) {
        case 'task.started': {
          const entry = running.get(event.step) ?? {
            step: event.step,
            device: event.device,
            started: Date.now(),
            tasks: new Map(),
          };
          entry.tasks.set(event.task, { done: 0, total: 0, unit: '' });
          running.set(event.step, entry);
          break;
        }
        case 'data.progress': {
          const { done, total } = event;
          const { started, before } = downloads.get(event.ref) ?? { started: Date.now(), before: done };
          downloads.set(event.ref, { started, before, done, total });
          break;
        }
        case 'data.fetched':
          downloads.delete(event.ref);
          break;
        case 'task.progress':
          running.get(event.step)?.tasks.set(event.task, { done: event.done, total: event.total, unit: event.unit });
          break;
        case 'task.cached':
        case 'task.finished':
        case 'task.skipped':
        case 'task.failed':
          end(event.step, event.task, true);
          // What still comes tells of itself again.
          if (event.event === 'task.failed' && event.failure.code === 'data') downloads.clear();
          break;
        case 'task.retrying':
          end(event.step, event.task, false);
          break;
        default:
          break;
      }
    },
    print(line) {
      update.clear();
      process.stderr.write(`${line}\n`);
      render();
    },
    close() {
      clearInterval(timer);
      update.clear();
      update.done();
    },
  };
};
