import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { rounded, timeRun } from './command-line.ts';

const pipeline = fileURLToPath(new URL('../../pipelines/quickstart.yaml', import.meta.url));

/** The quickstart with an empty store, then three times with everything cached. */
export async function main(): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'sonde-bench-'));
  try {
    const cold = timeRun(pipeline, folder);
    const warm = [1, 2, 3].map(() => timeRun(pipeline, folder));
    console.log(
      JSON.stringify({
        benchmark: 'quickstart',
        tasks: cold.counts.ran,
        cold_seconds: rounded(cold.seconds),
        warm_seconds: warm.map(({ seconds }) => rounded(seconds)),
        ran_when_warm: warm.map(({ counts }) => counts.ran),
      }),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
