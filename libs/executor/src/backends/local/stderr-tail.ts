import type { Readable } from 'node:stream';

/** What is kept of it, in characters: enough for the last lines, whatever a step writes. */
const KEPT = 16 * 1024;
const LINES = 20;

/** The last lines that a process wrote to its standard error. */
export interface StderrTail {
  text(): string;
  clear(): void;
}

export function keepTail(stream: Readable, activity: () => void): StderrTail {
  let kept = '';
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => {
    kept = (kept + text).slice(-KEPT);
    activity();
  });
  return {
    text: () => kept.trim().split('\n').slice(-LINES).join('\n'),
    clear() {
      kept = '';
    },
  };
}
