import { join } from 'node:path';
import { codeOf, type JsonObject } from '@sonde/base';
import type { KeepFile } from '@sonde/checkpoints';
import type { InputArtifact, RunContext } from '@sonde/executor';
import { BlobDamaged, type Key, keyOf, openStore, type Store, StoreError } from '@sonde/store';

const KIND = 'weights/quantized';

type Context = Pick<RunContext, 'memory' | 'log' | 'signal'>;

/**
 * Keeps a checkpoint's quantised weights in the store as results are kept: made once whoever asks, checked when they are
 * read, collected when nothing uses them. Where the store cannot take them, a model is loaded without.
 * @param task the one that loads the model at that time
 */
export function keepQuantized(task: () => Context, checkpoint: Pick<InputArtifact, 'digest'>): KeepFile {
  return async (content, write) => {
    const { memory, log, signal } = task();
    if (memory === undefined) return null;
    const fingerprint: JsonObject = { kind: KIND, checkpoint: checkpoint.digest, ...content };
    const store = await openStore(memory.store);
    try {
      const onWait = (): void => log('info', 'Another process is quantising the same weights: it is waited for.');
      return await kept(store, fingerprint, write, { holder: KIND, signal, onWait });
    } catch (error) {
      if (!isFull(error)) throw error;
      log(
        'warning',
        `Quantised weights are not kept, so that each loading makes them anew: ${(error as Error).message}`,
      );
      return null;
    } finally {
      await store.close();
    }
  };
}

/** Whether a store has no room, or may not be written to. */
function isFull(error: unknown): boolean {
  if (error instanceof StoreError) return error.code === 'no-space' || error.code === 'permission';
  return ['ENOSPC', 'EDQUOT'].includes(codeOf(error) ?? '');
}

async function kept(
  store: Store,
  fingerprint: JsonObject,
  write: (path: string) => Promise<void>,
  waiting: Parameters<Store['leases']['acquire']>[1],
): Promise<string> {
  const key = keyOf(fingerprint);
  const known = await find(store, key);
  if (known !== undefined) return known;
  const lease = await store.leases.acquire(key, waiting);
  const scratch = await store.scratch();
  try {
    const meanwhile = await find(store, key);
    if (meanwhile !== undefined) return meanwhile;
    const began = performance.now();
    const path = join(scratch, 'weights');
    await write(path);
    const weights = await store.artifacts.put('weights', path, { move: true });
    const seconds = Math.round(performance.now() - began) / 1000;
    const created = new Date().toISOString();
    await store.results.put({ key, fingerprint, outputs: { weights }, created, seconds, run: '' });
    return store.blobs.path(weights.digest);
  } finally {
    await store.removeScratch(scratch);
    await lease.release();
  }
}

/** The file of a key, checked; undefined where there is none, or none that is sound. */
async function find(store: Store, key: Key): Promise<string | undefined> {
  const weights = (await store.results.get(key))?.outputs.weights;
  if (weights === undefined) return undefined;
  try {
    return await store.artifacts.open(weights);
  } catch (error) {
    if (error instanceof BlobDamaged) return undefined;
    throw error;
  }
}
