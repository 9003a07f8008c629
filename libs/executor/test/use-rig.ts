import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { bundle, createRig, type Rig } from './rig.ts';

/** Gives every test of a file a fresh rig, with the fixtures' worker bundled once. */
export function useRig(): () => Rig {
  let folder: string;
  let worker: string;
  let rig: Rig;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sonde-worker-'));
    worker = await bundle('worker', folder);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  beforeEach(async () => {
    rig = await createRig(worker);
  });
  afterEach(() => rig.close());
  return () => rig;
}
