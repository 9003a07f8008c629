import { Worker } from 'node:worker_threads';
import type { Digest } from '../disk/digest.ts';

/** JavaScript of a thread that hashes what lies in a file, and then pieces of memory as it is told of them. */
const HASH = `
  const { createHash } = require('node:crypto');
  const { closeSync, openSync, readSync } = require('node:fs');
  const { parentPort, workerData: { path, size, memory } } = require('node:worker_threads');
  const hash = createHash('sha256');
  if (size > 0) {
    const file = openSync(path, 'r');
    const chunk = Buffer.allocUnsafeSlow(1 << 18);
    for (let at = 0; at < size; ) {
      const bytes = readSync(file, chunk, 0, Math.min(chunk.length, size - at), at);
      if (bytes === 0) throw new Error(path + ' became shorter while it was received.');
      hash.update(chunk.subarray(0, bytes));
      at += bytes;
    }
    closeSync(file);
  }
  parentPort.on('message', (piece) => {
    if (piece === 'end') return parentPort.postMessage('sha256:' + hash.digest('hex'));
    hash.update(new Uint8Array(memory, piece.offset, piece.bytes));
    parentPort.postMessage('hashed');
  });
`;

/** Hashes what a thread has to itself all along: who receives bytes has enough to do. */
export interface HashThread {
  /** Takes a piece of the memory, which must not change until this resolves. */
  update(offset: number, bytes: number): Promise<void>;
  /** The digest of the beginning and all pieces. */
  digest(): Promise<Digest>;
  end(): Promise<void>;
}

/** Starts a thread that hashes the first `size` bytes of a file, and then what it is given of the memory. */
export function startHashThread(path: string, size: number, memory: SharedArrayBuffer): HashThread {
  const thread = new Worker(HASH, { eval: true, execArgv: [], env: {}, workerData: { path, size, memory } });
  const waiting: { resolve(answer: unknown): void; reject(error: unknown): void }[] = [];
  let failure: unknown;
  const fail = (error: unknown) => {
    failure ??= error;
    for (const { reject } of waiting.splice(0)) reject(failure);
  };
  thread.on('message', (answer) => waiting.shift()?.resolve(answer));
  thread.once('error', fail);
  thread.once('exit', () => fail(new Error(`The thread that hashes ${path} has ended.`)));
  /** Answers come in the order of the questions. */
  const ask = (question: unknown) => {
    return new Promise<unknown>((resolve, reject) => {
      if (failure !== undefined) return reject(failure);
      waiting.push({ resolve, reject });
      thread.postMessage(question);
    });
  };
  return {
    async update(offset, bytes) {
      await ask({ offset, bytes });
    },
    async digest() {
      return (await ask('end')) as Digest;
    },
    async end() {
      await thread.terminate();
    },
  };
}
