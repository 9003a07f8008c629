import { Agent, type ClientRequestArgs } from 'node:http';
import { connect, type NetConnectOpts, type Socket } from 'node:net';

/** Bytes that are set aside at a time for what comes, and the least room that is offered to a read. */
const CHUNK = 1 << 19;
const LEAST = 1 << 17;

/**
 * Connections that read as much at a time as has come. Node's own read 64 KiB, each into memory of its own, which takes
 * twice the processor's time.
 */
export class LargeReads extends Agent {
  override createConnection(options: ClientRequestArgs): Socket {
    let chunk = Buffer.allocUnsafeSlow(CHUNK);
    let used = 0;
    const buffer = () => {
      if (CHUNK - used < LEAST) [chunk, used] = [Buffer.allocUnsafeSlow(CHUNK), 0];
      return chunk.subarray(used);
    };
    const callback = (bytes: number, into: Uint8Array) => {
      used += bytes;
      return socket.push(into.subarray(0, bytes));
    };
    const socket = connect({ ...options, onread: { buffer, callback } } as NetConnectOpts);
    return socket;
  }
}
