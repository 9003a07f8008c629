import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { rounded, timeRun } from './command-line.ts';

const USAGE = `Times a run in which there is nothing to do.
  --tasks N         steps in the pipeline, written out one by one (1000)
  --snakemake PATH  a snakemake: times the same graph there and prints the ratio
`;

function pipelineOf(tasks: number): string {
  const steps = Array.from(
    { length: tasks },
    (_, i) =>
      `  step-${i}:\n    uses: table/filter\n    with: { table: data.csv, where: [{ column: n, op: "<", value: ${i} }] }\n`,
  );
  return `sonde: 1\nname: noop\nsteps:\n${steps.join('')}`;
}

function snakefileOf(tasks: number): string {
  return `rule all:\n    input: expand("out/{i}.csv", i=range(${tasks}))\n\nrule filter:\n    input: "data.csv"\n    output: "out/{i}.csv"\n    shell: "cp {input} {output}"\n`;
}

function time(command: string, args: readonly string[], cwd: string): number {
  const started = performance.now();
  const { status, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8', maxBuffer: 1 << 28 });
  if (status !== 0) throw new Error(`${command} ended with status ${status}\n${stderr.slice(-2000)}`);
  return (performance.now() - started) / 1000;
}

/** Runs the benchmark; prints one JSON object to standard output. */
export async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      tasks: { type: 'string', default: '1000' },
      snakemake: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return console.log(USAGE);
  const tasks = Number(values.tasks);
  const folder = mkdtempSync(path.join(tmpdir(), 'sonde-bench-'));
  try {
    writeFileSync(path.join(folder, 'data.csv'), 'n\n1\n2\n3\n');
    writeFileSync(path.join(folder, 'pipeline.yaml'), pipelineOf(tasks));
    const pipeline = path.join(folder, 'pipeline.yaml');
    const cold = timeRun(pipeline, folder);
    const warm = [1, 2, 3].map(() => timeRun(pipeline, folder));
    if (warm.some(({ counts }) => counts.ran !== 0)) throw new Error('a run with nothing to do ran something');
    const best = Math.min(...warm.map(({ seconds }) => seconds));
    const result: Record<string, unknown> = {
      benchmark: 'noop',
      tasks,
      cold_seconds: rounded(cold.seconds),
      warm_seconds: warm.map(({ seconds }) => rounded(seconds)),
    };
    if (values.snakemake !== undefined) {
      writeFileSync(path.join(folder, 'Snakefile'), snakefileOf(tasks));
      time(values.snakemake, ['--cores', '2', '--quiet', 'all'], folder);
      const peer = Math.min(
        ...[1, 2, 3].map(() => time(values.snakemake!, ['--cores', '2', '--quiet', 'all'], folder)),
      );
      result.snakemake_seconds = rounded(peer);
      result.snakemake_over_sonde = rounded(peer / best);
    }
    console.log(JSON.stringify(result));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
