import { fetchRemote, type OutsideData } from './data.ts';
import type { Execution } from './execution.ts';

/** Progress is told at most this often (ms). */
const INTERVAL = 250;

/** Remote data with its bytes here: brought once a run, however many tasks read it, and told of as it comes. */
export function bringData(execution: Execution, ref: string, data: OutsideData): Promise<OutsideData> {
  const { fetched } = execution;
  let brought = fetched.get(data);
  if (brought === undefined) {
    brought = bring(execution, ref, data);
    fetched.set(data, brought);
    brought.catch(() => fetched.delete(data));
  }
  return brought;
}

async function bring({ emit, options, stop }: Execution, ref: string, data: OutsideData): Promise<OutsideData> {
  const { remote } = data;
  if (remote === undefined) return data;
  const began = performance.now();
  let last = Number.NEGATIVE_INFINITY;
  let bytes: number | undefined;
  const here = await fetchRemote(
    ref,
    remote,
    {
      signal: stop.signal,
      progress(done, total) {
        bytes = total;
        if (done < total && performance.now() - last < INTERVAL) return;
        last = performance.now();
        emit({ event: 'data.progress', ref, done, total });
      },
      retry: (message, seconds) => emit({ event: 'data.retrying', ref, message, seconds }),
    },
    options.store,
    options.sources,
  );
  const seconds = Math.round(performance.now() - began) / 1000;
  if (bytes !== undefined) emit({ event: 'data.fetched', ref, bytes, seconds });
  return here;
}
