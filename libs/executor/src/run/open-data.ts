import type { OutsideData } from '@sonde/data';
import type { Emit } from './events.ts';

/** Progress is told at most this often (ms). */
const INTERVAL = 250;

/** Where the bytes of data from outside lie. What another machine has comes here now, and is told of as it comes. */
export async function openData(
  ref: string,
  data: OutsideData,
  { emit, signal }: { readonly emit: Emit; readonly signal: AbortSignal },
): Promise<string> {
  const began = performance.now();
  let last = Number.NEGATIVE_INFINITY;
  let bytes: number | undefined;
  const path = await data.open({
    signal,
    progress(done, total) {
      bytes = total;
      if (done < total && performance.now() - last < INTERVAL) return;
      last = performance.now();
      emit({ event: 'data.progress', ref, done, total });
    },
    retry: (message, seconds) => emit({ event: 'data.retrying', ref, message, seconds }),
  });
  const seconds = Math.round(performance.now() - began) / 1000;
  if (bytes !== undefined) emit({ event: 'data.fetched', ref, bytes, seconds });
  return path;
}
