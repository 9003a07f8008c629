/** Progress is told at most this often (ms): a step may report every row. */
const INTERVAL = 100;

/** What a step tells of its progress, at most so often and in the end as it was last. What is no number is not told. */
export function createProgress(tell: (done: number, total: number, unit: string) => void) {
  let last = Number.NEGATIVE_INFINITY;
  let pending: Parameters<typeof tell> | undefined;
  function flush(): void {
    if (pending !== undefined) tell(...pending);
    pending = undefined;
  }
  function report(done: number, total: number, unit: string): void {
    if (!Number.isFinite(done) || !Number.isFinite(total)) return;
    pending = [done, total, String(unit)];
    if (performance.now() - last < INTERVAL) return;
    flush();
    last = performance.now();
  }
  return { report, flush };
}
