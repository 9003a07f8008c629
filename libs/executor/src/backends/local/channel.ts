import type { Duplex } from 'node:stream';

/** Longest line that is listened to, in characters: a job with a thousand ancestors has some millions. */
const LONGEST = 64 * 1024 * 1024;

/** Lines of JSON, either way, between a run and one of its workers. */
export interface Channel {
  readonly open: boolean;
  /** `sent` is called when the message has left this process, or cannot. */
  send(message: object, sent?: () => void): void;
}

/**
 * @param hear is given every line; `undefined` for one that is too long, after which the channel is closed
 * @param ended is called once, when the other side is gone
 */
export function openChannel(stream: Duplex, hear: (line: string | undefined) => void, ended: () => void): Channel {
  let parts: string[] = [];
  let length = 0;
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => {
    const [rest, ...begun] = text.split('\n') as [string, ...string[]];
    parts.push(rest);
    length += rest.length;
    for (const next of begun) {
      hear(parts.join(''));
      parts = [next];
      length = next.length;
    }
    if (length > LONGEST) {
      hear(undefined);
      stream.destroy();
    }
  });
  // A broken pipe is told by the end of the process on the other side.
  stream.on('error', () => {});
  stream.once('close', ended);
  stream.once('end', () => stream.destroy());
  return {
    get open() {
      return !stream.destroyed && stream.writable;
    },
    send(message, sent = () => {}) {
      stream.write(`${JSON.stringify(message)}\n`, () => sent());
    },
  };
}
