import { randomBytes } from 'node:crypto';
import { mkdir, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '@sonde/base';
import type { Layout } from '../disk/layout.ts';
import { createLayout } from '../disk/marker.ts';
import { DEFAULT_BEAT, type HolderFile, writeHolder } from './holder-files.ts';
import { removeAtExit, removeDead, sweep } from './leftovers.ts';

export interface Holder {
  readonly id: string;
  readonly file: HolderFile;
  /** A new path in this process's own temporary folder, which exists. */
  temporary(): string;
  /** The file system's clock now, in milliseconds. */
  fileSystemTime(): Promise<number>;
  /** Called at every beat; the function returned ends that. */
  onBeat(listener: () => Promise<void>): () => void;
  /** Says that work (a lease, a run, a scratch folder) is open until the function returned is called. */
  begin(): () => void;
  /** How much work is open. */
  working(): number;
  close(): Promise<void>;
}

/** A process that ends says so, whether it closed its stores or not: nobody has to wait for its silence. */
const atExit = new Set<() => void>();
process.on('exit', () => {
  for (const leave of atExit) leave();
});

/** Begins to work in a store: shows that this process lives, and clears up after those of this host that died. */
export async function createHolder(layout: Layout, beatSeconds = DEFAULT_BEAT): Promise<Holder> {
  await createLayout(layout);
  const id = randomBytes(10).toString('hex');
  const path = layout.holder(id);
  const folder = join(layout.tmp, id);
  const file = await writeHolder(layout, id, beatSeconds);
  await mkdir(folder);
  await sweep(layout, id);

  const leave = () => removeAtExit(layout, id);
  atExit.add(leave);
  const listeners = new Set<() => Promise<void>>();
  const open = new Set<symbol>();
  let count = 0;
  let beating: Promise<void> = Promise.resolve();
  const beat = async () => {
    const now = new Date();
    try {
      await utimes(path, now, now);
    } catch (error) {
      // Somebody took this process for dead (it was stopped for long): show again that it lives.
      if (codeOf(error) === 'ENOENT') await writeHolder(layout, id, beatSeconds);
    }
    for (const listener of [...listeners]) await listener();
  };
  const timer = setInterval(() => {
    // A beat that fails is made up for by the next: others only notice a long silence.
    beating = beating.then(beat).catch(() => undefined);
  }, beatSeconds * 1000);
  timer.unref();

  return {
    id,
    file,
    temporary: () => join(folder, String(count++)),
    async fileSystemTime() {
      const now = new Date();
      await utimes(path, now, now);
      return (await stat(path)).ctimeMs;
    },
    onBeat(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    begin() {
      const work = Symbol('work');
      open.add(work);
      return () => open.delete(work);
    },
    working: () => open.size,
    async close() {
      clearInterval(timer);
      await beating;
      atExit.delete(leave);
      await removeDead(layout, [id]);
    },
  };
}
