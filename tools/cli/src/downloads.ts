import type { RunEvent } from '@sonde/executor';
import { formatBytes, formatSeconds } from './format.ts';

interface Download {
  readonly started: number;
  /** Bytes that were here when it began. */
  readonly before: number;
  readonly done: number;
  readonly total: number;
}

export interface Downloads {
  show(event: RunEvent): void;
  /** One line a running download: bytes, rate, time left. */
  lines(): string[];
}

function lineOf(ref: string, { started, before, done, total }: Download): string {
  const rate = (done - before) / ((Date.now() - started) / 1000);
  const parts = [ref, `${formatBytes(done)} of ${formatBytes(total)}`];
  if (rate > 0 && Number.isFinite(rate)) {
    parts.push(`${formatBytes(Math.round(rate))}/s`, `${formatSeconds((total - done) / rate)} left`);
  }
  return parts.join('  ');
}

/** The data that a run is bringing here. */
export function createDownloads(): Downloads {
  const downloads = new Map<string, Download>();
  return {
    show(event) {
      if (event.event === 'data.progress') {
        const { done, total } = event;
        const { started, before } = downloads.get(event.ref) ?? { started: Date.now(), before: done };
        downloads.set(event.ref, { started, before, done, total });
      }
      if (event.event === 'data.fetched') downloads.delete(event.ref);
      // What still comes tells of itself again.
      if (event.event === 'task.failed' && event.failure.code === 'data') downloads.clear();
    },
    lines: () => [...downloads].map(([ref, download]) => lineOf(ref, download)),
  };
}
