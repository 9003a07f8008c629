import { retry, UserError } from '@sonde/base';
import type { Clock } from './clock.ts';

export interface Persistence {
  readonly who: string;
  readonly clock: Clock;
  /** Seconds without any answer after which it gives up. */
  readonly patience: number;
  readonly log: (level: 'info' | 'warning', message: string) => void;
}

/** Seconds: the first wait, and the longest that is not asked for. */
const FIRST = 1;
const LONGEST = 60;

/**
 * Seconds that double from one to a minute, each shortened by chance to between half and all of it, so that many clients do
 * not come back at once; never fewer than the server asks.
 */
function backOff(failures: number, clock: Clock, asked = 0): number {
  const usual = Math.min(LONGEST, FIRST * 2 ** Math.min(failures - 1, 30));
  return Math.max(asked, Math.ceil(usual * (500 + clock.random() * 500)) / 1000);
}

/**
 * Asks until there is an answer.
 * @throws UserError where there has been none for longer than patience; what `ask` throws otherwise
 */
export function persist<T>(ask: () => Promise<T>, { who, clock, patience, log }: Persistence): Promise<T> {
  const since = clock.now();
  return retry(ask, {
    sleep: clock.sleep,
    pause({ message, wait: asked }, failures) {
      const wait = backOff(failures, clock, asked);
      const away = (clock.now() - since) / 1000;
      if (away + wait > patience) {
        throw new UserError(
          'scorer',
          `${who} has given no answer for ${inWords(away)}: ${message}.`,
          'What it answered before is kept: the next run goes on from there. `patience:` waits longer.',
        );
      }
      if (failures > 2) {
        log(failures === 3 ? 'warning' : 'info', `${who}: ${message}; asking again in ${inWords(wait)}`);
      }
      return wait;
    },
  });
}

function inWords(seconds: number): string {
  if (seconds < 100) return `${Math.ceil(seconds)} s`;
  return seconds < 6000 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}
