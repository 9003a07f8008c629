import { type Digest, hasRoom, type Store } from '@sonde/store';
import { type Remote, RemoteFailure } from './remote.ts';

export interface FetchHooks {
  readonly signal?: AbortSignal | undefined;
  /** Bytes that are here now and were not before; negative where some had to be thrown away. */
  onBytes?(bytes: number): void;
}

/** Where nobody says how large content is, it may be so large, in bytes: the list of an output's files. */
export const UNSAID = 64 * 1024 * 1024;
/** So often a connection may be cut before it has brought as much as is worth a connection. */
const FRUITLESS = 5;
const WORTH = 1024 * 1024;

/**
 * Brings content into the store, held against its digest while it arrives; a connection that is cut is gone on with.
 * False where the remote has not got it.
 *
 * @throws RemoteFailure where the remote fails, or gives other bytes than the digest names
 */
export async function fetchContent(
  remote: Remote,
  store: Store,
  digest: Digest,
  size: number | undefined,
  { signal, onBytes }: FetchHooks = {},
): Promise<boolean> {
  const limit = size ?? UNSAID;
  const incoming = await store.blobs.receive(digest, {
    holder: `transfer from ${remote.name}`,
    size,
    ...(signal === undefined ? {} : { signal }),
  });
  if (incoming === undefined) return true;
  let ended = false;
  onBytes?.(incoming.size);
  const restart = async () => {
    onBytes?.(-incoming.size);
    await incoming.restart();
  };
  try {
    if (!(await hasRoom(store.dir, limit - incoming.size))) {
      throw new RemoteFailure(
        'wrong',
        `${remote.name} has ${limit - incoming.size} bytes to give, and the disk of the store has no room`,
      );
    }
    let fruitless = 0;
    while (size === undefined || incoming.size !== size) {
      if (incoming.size > limit) await restart();
      const before = incoming.size;
      const content = await remote.content(digest, before, signal, incoming.room);
      if (content === undefined) return false;
      if (content.from !== before) await restart();
      try {
        for await (const part of content.parts) {
          signal?.throwIfAborted();
          if (incoming.size + part.length > limit) {
            await restart();
            throw new RemoteFailure('wrong', `${remote.name} sends more of ${digest} than its ${limit} bytes`);
          }
          await incoming.append(part);
          onBytes?.(part.length);
        }
        if (size === undefined) break;
        if (incoming.size < size) throw new RemoteFailure('unreachable', `${remote.name} stopped sending ${digest}`);
      } catch (error) {
        const again = error instanceof RemoteFailure && error.problem === 'unreachable';
        if (incoming.size - before < WORTH) fruitless++;
        if (!again || fruitless >= FRUITLESS) throw error;
      }
    }
    ended = true;
    if (await incoming.finish()) return true;
    onBytes?.(-(size ?? 0));
    throw new RemoteFailure('wrong', `${remote.name} gives other bytes than ${digest} names`);
  } finally {
    if (!ended) await incoming.leave();
  }
}
