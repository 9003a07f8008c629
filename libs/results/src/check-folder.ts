import { open, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '@sonde/base';
import { asStoreError, StoreError } from '@sonde/store';

/** Enough to see that a full disk is full. */
const PROBE_BYTES = 1 << 16;

/**
 * Makes sure, before anything is computed, that the results can be written to a folder that may not be there yet.
 * Leaves nothing behind. Throws a UserError where a file is in the way, a StoreError where rights or space are missing.
 */
export async function checkResultsFolder(folder: string): Promise<void> {
  try {
    const probe = path.join(await nearestFolder(folder), '.sonde-probe');
    const file = await open(probe, 'w');
    try {
      // Its name goes before it is written, so that a kill leaves nothing.
      await rm(probe, { force: true });
      await file.writeFile(Buffer.alloc(PROBE_BYTES));
    } finally {
      await file.close();
    }
  } catch (error) {
    const found = asStoreError(error, folder);
    throw found instanceof StoreError ? cannotWrite(found, folder) : found;
  }
}

function contains(outer: string, inner: string): boolean {
  return !path.relative(outer, inner).startsWith('..');
}

/** A failure to write results as a sentence about the results' folder; what failed elsewhere passes unchanged. */
export function resultsError(error: unknown, folder: string): unknown {
  const found = asStoreError(error, folder);
  if (!(found instanceof StoreError) || found.code === 'corrupt' || found.code === 'version') return found;
  const isAbout = found.path === undefined || contains(folder, found.path) || contains(found.path, folder);
  return isAbout ? cannotWrite(found, folder) : found;
}

function cannotWrite(error: StoreError, folder: string): StoreError {
  const why = error.message.replace(/^.* failed: /s, '').replace(/\.$/, '');
  const hint =
    error.code === 'no-space'
      ? 'Free some space there, or name another folder with --out.'
      : error.code === 'permission'
        ? 'Give yourself the right to write there, or name another folder with --out.'
        : error.hint;
  return new StoreError(error.code, `The results cannot be written to ${folder}: ${why}.`, {
    hint,
    path: folder,
    cause: error,
  });
}

/** The folder itself, or the nearest one above it that exists. */
async function nearestFolder(folder: string): Promise<string> {
  for (let place = folder; ; place = path.dirname(place)) {
    const found = await stat(place).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
      throw error;
    });
    if (found?.isDirectory()) return place;
    if (found !== undefined) {
      throw new UserError(
        'usage',
        place === folder
          ? `the results cannot be written to ${folder}: it is a file`
          : `the results cannot be written to ${folder}: ${place} is a file, not a folder`,
        'Name another folder with --out, or move the file away.',
      );
    }
    if (path.dirname(place) === place) return place;
  }
}
