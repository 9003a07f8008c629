import { createContext, Script } from 'node:vm';

/** Rendering a conversation takes milliseconds. */
const MOST_MILLISECONDS = 5000;

const sandbox: { work: () => unknown } = { work: () => undefined };
let context: object | undefined;
const script = new Script('work()');

/** Runs code that comes with a checkpoint and may never end. @throws an error that says so, after that time */
export function withTimeLimit<T>(work: () => T, milliseconds = MOST_MILLISECONDS): T {
  context ??= createContext(sandbox);
  sandbox.work = work;
  try {
    return script.runInContext(context, { timeout: milliseconds }) as T;
  } catch (error) {
    // Of another realm's class, so that `instanceof Error` does not hold.
    if ((error as { code?: unknown } | null)?.code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
    throw new Error(`it was still running after ${milliseconds / 1000} seconds`);
  }
}
