import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const cli = path.join(fileURLToPath(new URL('../..', import.meta.url)), 'dist', 'cli.js');

export interface Timed {
  /** Elapsed, process start included. */
  readonly seconds: number;
  readonly counts: Readonly<Record<string, number>>;
}

/** Runs a pipeline by the built command line and times it as a user would see it. */
export function timeRun(pipeline: string, folder: string): Timed {
  const started = performance.now();
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [cli, 'run', pipeline, '--json', '--store', path.join(folder, 'store'), '--out', path.join(folder, 'results')],
    { encoding: 'utf8', maxBuffer: 1 << 28, cwd: folder },
  );
  const seconds = (performance.now() - started) / 1000;
  if (status !== 0) throw new Error(`sonde run ended with status ${status}\n${stderr}`);
  const last = JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as { counts: Record<string, number> };
  return { seconds, counts: last.counts };
}

export function rounded(seconds: number): number {
  return Math.round(seconds * 1000) / 1000;
}
