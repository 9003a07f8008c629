import { mkdir, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { artifactPresent, checkArtifact, exportArtifact, materialize, putArtifact } from './artifacts.ts';
import { createBlobs } from './blobs.ts';
import { createContext } from './context.ts';
import { asStoreError, StoreError } from './errors.ts';
import { digestOfFile } from './file-digests.ts';
import { collectGarbage } from './gc.ts';
import { appendToIndex, createNearest } from './index-files.ts';
import { checkLayout } from './layout.ts';
import { acquireLease } from './leases.ts';
import { readPins, removePin, setPin } from './pins.ts';
import { allResults, getResult, putResult } from './results.ts';
import { createRuns } from './runs.ts';
import { statusOf } from './sizes.ts';
import type { OpenOptions, ResultRecord, RunLog, Store } from './types.ts';
import { verifyStore } from './verify.ts';

/**
 * Opens the store in a folder. A store that is not there yet is empty; it is made when something is first written.
 * Throws a StoreError where the folder holds something else (`version`, `corrupt`) or a newer store (`version`).
 */
export async function openStore(folder: string, options: OpenOptions = {}): Promise<Store> {
  const dir = resolve(folder);
  const context = createContext(dir, options);
  const { layout } = context;
  const blobs = createBlobs(context);
  const nearest = createNearest(context);
  const runs = createRuns(context);
  const scratches = new Map<string, () => void>();

  /** The one place where failed system calls become errors for people. */
  const guarded = async <T>(work: () => T | Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw asStoreError(error, dir);
    }
  };
  await guarded(() => checkLayout(layout));

  return {
    dir,
    readOnly: context.readOnly,
    blobPath: layout.blob,
    hasBlob: (digest, size) => guarded(() => blobs.has(digest, size)),
    putFile: (path, move) => guarded(() => blobs.putFile(path, move)),
    putText: (text) => guarded(() => blobs.putText(text)),
    openVerified: (digest) => guarded(() => blobs.openVerified(digest)),
    putArtifact: (type, path, move) => guarded(() => putArtifact(blobs, type, path, move)),
    materialize: (artifact) => guarded(() => materialize(context, blobs, artifact)),
    exportArtifact: (artifact, destination) => guarded(() => exportArtifact(blobs, artifact, destination)),
    artifactPresent: (artifact) => guarded(() => artifactPresent(blobs, artifact)),
    checkArtifact: (artifact) => guarded(() => checkArtifact(blobs, artifact)),
    getResult: (key) => guarded(() => getResult(context, key)),
    putResult: (record) =>
      guarded(async () => {
        await putResult(context, blobs, record);
        await appendToIndex(context, record);
      }),
    async *results() {
      const iterator = allResults(context)[Symbol.asyncIterator]();
      for (;;) {
        const next: IteratorResult<ResultRecord> = await guarded(() => iterator.next());
        if (next.done) return;
        yield next.value;
      }
    },
    nearest: (kind, limit) => guarded(() => nearest(kind, limit)),
    acquire: (key, asked) =>
      guarded(async () => acquireLease(layout, await context.holder(), context.watch, key, asked)),
    scratch: () =>
      guarded(async () => {
        const holder = await context.holder();
        const path = holder.temporary();
        await mkdir(path);
        scratches.set(path, holder.begin());
        return path;
      }),
    removeScratch: (path) =>
      guarded(async () => {
        if (dirname(dirname(path)) !== layout.tmp) {
          throw new StoreError('io', `${path} is no scratch folder of the store ${dir}.`, { path });
        }
        await rm(path, { recursive: true, force: true });
        scratches.get(path)?.();
        scratches.delete(path);
      }),
    digestOfFile: (path) => guarded(() => digestOfFile(context, path)),
    runs: {
      async create(meta) {
        const log: RunLog = await guarded(() => runs.create(meta));
        return { ...log, finish: (summary) => guarded(() => log.finish(summary)) };
      },
      list: () => guarded(() => runs.list()),
      open: (id) => guarded(() => runs.open(id)),
    },
    pin: (name, targets) => guarded(() => setPin(context, name, targets)),
    unpin: (name) => guarded(() => removePin(context, name)),
    pins: () => guarded(() => readPins(context)),
    status: () => guarded(() => statusOf(context)),
    verify: (onProgress) => guarded(() => verifyStore(context, blobs, onProgress)),
    gc: (asked) => guarded(() => collectGarbage(context, blobs, asked)),
    close: () => guarded(() => context.close()),
  };
}
