import { Worker } from 'node:worker_threads';
import type { Digest } from '../disk/digest.ts';

/** JavaScript of a thread that hashes a file as far as it is told that it goes. */
const FOLLOW = `
  const { createHash } = require('node:crypto');
  const { openSync, readSync } = require('node:fs');
  const { parentPort, workerData } = require('node:worker_threads');
  const hash = createHash('sha256');
  const file = openSync(workerData, 'r');
  const chunk = Buffer.allocUnsafeSlow(1 << 18);
  let at = 0;
  parentPort.on('message', ({ size, isAll }) => {
    while (at < size) {
      const bytes = readSync(file, chunk, 0, Math.min(chunk.length, size - at), at);
      if (bytes === 0) throw new Error(workerData + ' became shorter while it was received.');
      hash.update(chunk.subarray(0, bytes));
      at += bytes;
    }
    if (isAll) parentPort.postMessage('sha256:' + hash.digest('hex'));
  });
`;

/** Hashes a file while it grows. */
export interface Follower {
  /** So many bytes are written. */
  grown(size: number): void;
  /** The digest of these bytes, which are all. */
  digest(size: number): Promise<Digest>;
  end(): Promise<void>;
}

/** Starts a thread that hashes a file: one that receives the bytes has enough to do. Its failure is the digest's. */
export function follow(path: string): Follower {
  const thread = new Worker(FOLLOW, { eval: true, execArgv: [], env: {}, workerData: path });
  const digest = new Promise<Digest>((resolve, reject) => {
    thread.once('message', resolve);
    thread.once('error', reject);
    thread.once('exit', () => reject(new Error(`The thread that hashes ${path} has ended.`)));
  });
  // Who asks for it is told.
  digest.catch(() => undefined);
  return {
    grown(size) {
      thread.postMessage({ size, isAll: false });
    },
    digest(size) {
      thread.postMessage({ size, isAll: true });
      return digest;
    },
    async end() {
      await thread.terminate();
    },
  };
}
