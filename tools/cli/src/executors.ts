import { createInterface } from 'node:readline/promises';
import { UserError } from '@sonde/base';
import type { Accelerator, AwayOptions } from '@sonde/executor';
import { acceleratorsOf } from './devices.ts';

/**
 * Who does the work of a run: worker processes of this one, workers that somebody starts on hosts that see the store, or
 * workers that are jobs of Slurm.
 */
export const EXECUTORS = ['local', 'workers', 'slurm'] as const;
export type Executor = (typeof EXECUTORS)[number];

/** Options that say how work is given away. */
export interface AwayCommandOptions {
  readonly executor?: string;
  readonly profile?: string;
  readonly here?: string;
  readonly onInterrupt?: string;
  readonly detach?: boolean;
}

/** @throws UserError where the name is none */
export function executorOf({ executor = 'local' }: AwayCommandOptions): Executor {
  const found = EXECUTORS.find((name) => name === executor);
  if (found !== undefined) return found;
  throw new UserError('usage', `--executor ${executor} is no executor`, `There are: ${EXECUTORS.join(', ')}.`);
}

/** Devices of a machine have a bound; those of a cluster do not. */
const MOST_DEVICES = 1024;

/**
 * The devices that a run may plan with. Where work is given away they are those of other machines: nothing here tells how
 * many there are, or whether they work, so `auto` is the CPU.
 */
export async function devicesFor(executor: Executor, device = 'auto'): Promise<readonly Accelerator[]> {
  if (executor === 'local') return acceleratorsOf(device);
  if (device === 'auto' || device === 'cpu') return [];
  const provider = device === 'webgpu' ? 'webgpu' : 'cuda';
  if (device !== provider) {
    throw new UserError(
      'usage',
      `--device ${device} names devices of this machine, but --executor ${executor} has others do the work`,
      'Write cpu, cuda or webgpu.',
    );
  }
  return Array.from({ length: MOST_DEVICES }, (_, index) => ({ provider, index }));
}

/** What becomes of work that is given away when the run is interrupted; asked in a terminal where no option says it. */
export interface Interruption {
  readonly mode: NonNullable<AwayOptions['onInterrupt']>;
  /** Resolves when it is known. */
  ask(): Promise<void>;
}

export function interruptionOf({ onInterrupt }: AwayCommandOptions): Interruption {
  let mode: 'leave' | 'cancel' = onInterrupt === 'cancel' ? 'cancel' : 'leave';
  return {
    mode: () => mode,
    async ask() {
      if (onInterrupt !== undefined || process.stdin.isTTY !== true || process.stderr.isTTY !== true) return;
      const terminal = createInterface({ input: process.stdin, output: process.stderr });
      // A second Ctrl-C is an answer too.
      const silence = new AbortController();
      terminal.once('SIGINT', () => silence.abort());
      try {
        const question = '\nWorkers go on with what is queued. (l)eave it to them, or (c)ancel it? [l] ';
        const answer = await terminal.question(question, { signal: silence.signal });
        if (/^c/i.test(answer.trim())) mode = 'cancel';
      } catch {
        // Not answered: left.
      } finally {
        terminal.close();
      }
    },
  };
}
