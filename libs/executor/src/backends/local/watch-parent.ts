import { Worker } from 'node:worker_threads';
import { LIFELINE } from './messages.ts';

/** How long the worker's own code has to end in order when the parent is gone, in milliseconds. */
const GRACE = 500;

/** JavaScript of a thread that has nothing else to do: it is not held up by whatever the step computes. */
const WATCH = `
  const { Socket } = require('node:net');
  const { workerData } = require('node:worker_threads');
  const end = () => {
    try {
      process.kill(-process.pid, 'SIGKILL');
    } catch {
      process.kill(process.pid, 'SIGKILL');
    }
  };
  const parent = new Socket({ fd: workerData.fd, readable: true });
  parent.on('error', () => {});
  parent.on('close', () => setTimeout(end, workerData.grace));
  parent.resume();
`;

/**
 * Ends this process, and what belongs to its group, when the parent process is gone, however that ended and whatever this
 * process is doing: a step in a loop hears of nothing.
 */
export function watchParent(): void {
  const thread = new Worker(WATCH, { eval: true, execArgv: [], env: {}, workerData: { fd: LIFELINE, grace: GRACE } });
  thread.unref();
}
