import { open } from 'node:fs/promises';
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { tolerate } from '../disk/files.ts';
import type { Layout } from '../disk/layout.ts';
import { type HolderFile, holderIds, readHolder, SILENT_BEATS } from './holder-files.ts';
import { lifeOf } from './process.ts';

/** Somebody on another host, of whom it takes so many seconds to know. */
export interface Stranger {
  readonly host: string;
  readonly pid: number;
  readonly seconds: number;
}

/**
 * Tells whether other processes live. On the same host the kernel knows. Of another host only the heartbeat tells, and
 * it is not compared with any clock: a holder is dead when this process has itself seen its file unchanged for longer
 * than twelve beats, by its own monotonic clock. So wrong, skewed and jumping clocks kill nobody.
 */
export interface Watch {
  /** `undecided`: on another host, and not yet watched for long enough. A holder without a file has ended. */
  look(id: string): Promise<'alive' | 'dead' | 'undecided'>;
  /** Those who live, and those who do not, once it is known of everyone. */
  settle(onWait?: (stranger: Stranger) => void): Promise<{ live: HolderFile[]; dead: string[] }>;
}

export function createWatch(layout: Layout): Watch {
  const seen = new Map<string, { stamp: string; since: number }>();

  const look = async (id: string): Promise<'alive' | 'dead' | 'undecided'> => {
    const file = await readHolder(layout, id);
    if (file === undefined) return 'dead';
    const life = lifeOf(file);
    if (life !== 'unknown') return life;
    const stamp = await stampOf(layout.holder(id));
    if (stamp === undefined) return 'dead';
    const before = seen.get(id);
    if (before === undefined || before.stamp !== stamp) {
      seen.set(id, { stamp, since: performance.now() });
      return before === undefined ? 'undecided' : 'alive';
    }
    return performance.now() - before.since > SILENT_BEATS * file.beatSeconds * 1000 ? 'dead' : 'undecided';
  };

  return {
    look,
    async settle(onWait) {
      const live: HolderFile[] = [];
      const dead: string[] = [];
      const waits = new Set<string>();
      let open = await holderIds(layout);
      while (open.length > 0) {
        const undecided: string[] = [];
        for (const id of open) {
          const life = await look(id);
          if (life === 'undecided') {
            undecided.push(id);
            const file = waits.has(id) ? undefined : await readHolder(layout, id);
            waits.add(id);
            if (file !== undefined)
              onWait?.({ host: file.host, pid: file.pid, seconds: SILENT_BEATS * file.beatSeconds });
          }
          if (life === 'dead') dead.push(id);
          const file = life === 'alive' ? await readHolder(layout, id) : undefined;
          if (file !== undefined) live.push(file);
        }
        open = undecided;
        if (open.length > 0) await delay(500);
      }
      return { live, dead };
    },
  };
}

/** Opened, not only asked for: network file systems look at the server when a file is opened. */
async function stampOf(path: string): Promise<string | undefined> {
  const file = await tolerate(['ENOENT'], open(path, 'r'));
  if (file === undefined) return undefined;
  try {
    const { ino, mtimeNs, ctimeNs } = await file.stat({ bigint: true });
    return `${ino} ${mtimeNs} ${ctimeNs}`;
  } finally {
    await file.close();
  }
}
