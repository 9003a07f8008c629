import { Agent, type ClientRequestArgs, type IncomingMessage } from 'node:http';
import { connect, type NetConnectOpts, type Socket } from 'node:net';
import type { Room } from './remote.ts';

/** Bytes that are set aside at a time for what comes, and the least room that is offered to a read. */
const CHUNK = 1 << 19;
const LEAST = 1 << 17;

/** Who takes what a connection brings, in its place: one part at a time, until it resumes the connection. */
interface Taker {
  room(): Uint8Array | undefined;
  take(part: Uint8Array): void;
}

const takers = new WeakMap<Socket, (taker: Taker) => void>();

/**
 * Connections that read as much at a time as has come. Node's own read 64 KiB, each into memory of its own, which takes
 * twice the processor's time.
 */
export class LargeReads extends Agent {
  override createConnection(options: ClientRequestArgs): Socket {
    let chunk = Buffer.allocUnsafeSlow(CHUNK);
    let used = 0;
    let taker: Taker | undefined;
    const buffer = () => {
      const room = taker?.room();
      if (room !== undefined) return room;
      if (CHUNK - used < LEAST) [chunk, used] = [Buffer.allocUnsafeSlow(CHUNK), 0];
      return chunk.subarray(used);
    };
    const callback = (bytes: number, into: Uint8Array) => {
      const part = into.subarray(0, bytes);
      used += bytes;
      if (taker === undefined) return socket.push(part);
      taker.take(part);
      return false;
    };
    const socket = connect({ ...options, onread: { buffer, callback } } as NetConnectOpts);
    takers.set(socket, (one) => {
      taker = one;
    });
    return socket;
  }
}

/**
 * The body of an answer whose length is said, read into the room that is offered: Node's parser copies what it is given,
 * and has nothing to do in such a body. The connection is of no more use. Undefined where it has to be read otherwise.
 */
export function bodyPastParser(answer: IncomingMessage, room: Room): AsyncGenerator<Uint8Array> | undefined {
  const divert = takers.get(answer.socket);
  const length = answer.headers['content-length'];
  if (divert === undefined || length === undefined || room(0) === undefined) return undefined;
  return partsPastParser(answer, Number(length), divert, room);
}

async function* partsPastParser(
  answer: IncomingMessage,
  length: number,
  divert: (taker: Taker) => void,
  room: Room,
): AsyncGenerator<Uint8Array> {
  const parts: Uint8Array[] = [];
  let ahead = 0;
  let wake = () => {};
  const take = (part: Uint8Array) => {
    parts.push(part);
    ahead += part.length;
    wake();
  };
  // What was read before comes first, by way of the parser; if that is not all, it gets nothing more.
  while (answer.socket.read() !== null);
  for (let part: Uint8Array | null = answer.read(); part !== null; part = answer.read()) take(part);
  if (ahead < length) divert({ room: () => room(ahead), take });
  answer.once('error', () => wake());
  answer.once('close', () => wake());
  for (let left = length; left > 0; ) {
    const part = parts.shift();
    if (part === undefined) {
      if (answer.destroyed) throw answer.errored ?? new Error('The connection was cut.');
      await new Promise<void>((resolve) => {
        wake = resolve;
        answer.socket.resume();
      });
      continue;
    }
    const wanted = part.subarray(0, left);
    left -= wanted.length;
    yield wanted;
    ahead -= part.length;
  }
}
