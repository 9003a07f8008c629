import { resolve } from 'node:path';
import { createArtifacts } from './artifacts/artifacts.ts';
import { createBlobs } from './blobs/folder.ts';
import { createCare } from './care/care.ts';
import { createContext } from './context.ts';
import { createCopies } from './copies/copies.ts';
import { guarded } from './disk/guarded.ts';
import { checkLayout } from './disk/marker.ts';
import { digestOfFile } from './file-digests.ts';
import { createLeases } from './leases/leases.ts';
import { createMemos } from './memos/memos.ts';
import { createResults } from './results/results.ts';
import { createRuns } from './runs/runs.ts';
import { createScratch } from './scratch.ts';
import { createSpool } from './spool/spool.ts';
import type { OpenOptions, Store } from './types.ts';

/**
 * Opens the store in a folder. A store that is not there yet is empty; it is made when something is first written.
 * Throws a StoreError where the folder holds something else (`version`, `corrupt`) or a newer store (`version`).
 */
export async function openStore(folder: string, options: OpenOptions = {}): Promise<Store> {
  const dir = resolve(folder);
  const context = createContext(dir, options);
  const blobs = createBlobs(context);
  const artifacts = createArtifacts(context, blobs);
  const results = createResults(context, artifacts);
  const scratch = createScratch(context);
  const safe = <T extends object>(functions: T): T => guarded(functions, dir);
  const store: Store = {
    dir,
    readOnly: context.readOnly,
    blobs: safe(blobs),
    artifacts: safe(artifacts),
    results: safe(results),
    memos: safe(createMemos(context)),
    copies: safe(createCopies(context)),
    leases: safe(createLeases(context)),
    spool: safe(createSpool(context)),
    runs: safe(createRuns(context)),
    care: safe(createCare(context, blobs, artifacts)),
    scratch: scratch.make,
    removeScratch: scratch.remove,
    digestOfFile: (path) => digestOfFile(context, path),
    close: () => context.close(),
  };
  await safe({ check: () => checkLayout(context.layout) }).check();
  return safe(store);
}
