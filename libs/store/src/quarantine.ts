import { rename, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { codeOf } from '@sonde/base';
import type { Context } from './context.ts';

/** Tells one state of a file from another without reading it. */
export interface FileState {
  readonly ino: number;
  readonly mtimeMs: number;
  readonly size: number;
}

export function sameState(a: FileState, b: FileState): boolean {
  return a.ino === b.ino && a.mtimeMs === b.mtimeMs && a.size === b.size;
}

/**
 * Moves a bad file (or tree) out of the way, for a person to look at. `judged` is the file as it was found bad: a good
 * one that took its place meanwhile stays. Returns where it went; undefined when it stayed or the store is read-only.
 */
export async function quarantine(
  context: Context,
  path: string,
  reason: string,
  judged?: FileState,
): Promise<string | undefined> {
  if (context.readOnly) return undefined;
  const holder = await context.holder();
  const place = join(
    context.layout.quarantine,
    `${reason}-${basename(path)}-${holder.id}-${basename(holder.temporary())}`,
  );
  try {
    if (judged !== undefined && !sameState(await stat(path), judged)) return undefined;
    await rename(path, place);
    if (judged !== undefined && !sameState(await stat(place), judged)) {
      await rename(place, path);
      return undefined;
    }
    return place;
  } catch (error) {
    // Another process was quicker.
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
