/** How often it is looked whether the process computes (ms), and from which share of a processor on it does. */
const INTERVAL = 1000;
const SHARE = 0.01;

/**
 * Tells every second that this process computes, until stopped. A step may be silent for an hour over one matrix; one that
 * waits for what never comes, or never lets anything else happen, is not told of.
 */
export function watchBusy(tell: () => void): { stop(): void } {
  let [used, at] = [process.cpuUsage(), performance.now()];
  const timer = setInterval(() => {
    const { user, system } = process.cpuUsage(used);
    if (user + system > SHARE * 1000 * (performance.now() - at)) tell();
    [used, at] = [process.cpuUsage(), performance.now()];
  }, INTERVAL);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}
