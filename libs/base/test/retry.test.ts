import { describe, expect, it } from 'vitest';
import { isPassingStatus, PassingFailure, retry, retryAfterSeconds } from '../src/index.ts';

/** Fails so many times, each failure as given, and then gives `done`. */
function failing(failures: readonly Error[]) {
  const left = [...failures];
  return async () => {
    const failure = left.shift();
    if (failure !== undefined) throw failure;
    return 'done';
  };
}

async function waits(failures: readonly PassingFailure[]): Promise<number[]> {
  const slept: number[] = [];
  const sleep = async (milliseconds: number) => void slept.push(milliseconds);
  const pause = ({ wait }: PassingFailure, count: number) => wait ?? count;
  expect(await retry(failing(failures), { pause, sleep })).toBe('done');
  return slept;
}

describe('what may pass', () => {
  it('is done again after the pauses that are asked for, counted anew where something came of it', async () => {
    const plain = new PassingFailure('cut');
    expect(await waits([plain, plain])).toEqual([1000, 2000]);
    expect(await waits([plain, plain, new PassingFailure('cut', { progressed: true }), plain])).toEqual([
      1000, 2000, 1000, 2000,
    ]);
    expect(await waits([new PassingFailure('busy', { wait: 7 })])).toEqual([7000]);
  });

  it('is given up where the pause is refused, and what does not pass is not done again', async () => {
    const refuse = () => {
      throw new Error('long enough');
    };
    await expect(retry(failing([new PassingFailure('cut')]), { pause: refuse })).rejects.toThrow('long enough');
    await expect(retry(failing([new Error('no')]), { pause: () => 0 })).rejects.toThrow('no');
    const signal = AbortSignal.abort(new Error('stopped'));
    await expect(retry(failing([]), { pause: () => 0, signal })).rejects.toThrow('stopped');
  });

  it('is too many requests and the server’s own trouble', () => {
    expect([200, 400, 404, 408, 425, 429, 500, 503].filter(isPassingStatus)).toEqual([408, 425, 429, 500, 503]);
  });
});

it('a server says how long to wait in seconds or by a date', () => {
  const now = Date.parse('2026-11-26T10:00:00Z');
  const said = ['7', ' 1.5 ', 'Thu, 26 Nov 2026 10:02:00 GMT', 'Thu, 26 Nov 2026 09:00:00 GMT', 'soon', null];
  expect(said.map((value) => retryAfterSeconds(value, now))).toEqual([7, 1.5, 120, 0, undefined, undefined]);
});
