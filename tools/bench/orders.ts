import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { cli, rounded } from './command-line.ts';

const USAGE = `What a run needs that waits for work which is ready, all of it given away and nobody there to take it.
  --tasks N      ready at once (10000)
  --seconds N    for which the waiting is watched (60)
`;

/** Clock ticks of /proc/<pid>/stat, a second (USER_HZ). */
const TICKS = 100;

/** CPU seconds of a process so far, and the largest resident memory that it has had, in MiB. */
function usageOf(pid: number): { readonly cpu: number; readonly memory: number } {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return {
    cpu: (Number(fields[11]) + Number(fields[12])) / TICKS,
    memory: Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1]) / 1024,
  };
}

/** Runs the benchmark; prints one JSON object to standard output. */
export async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      tasks: { type: 'string', default: '10000' },
      seconds: { type: 'string', default: '60' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return console.log(USAGE);
  const tasks = Number(values.tasks);
  const folder = mkdtempSync(path.join(tmpdir(), 'sonde-bench-'));
  const file = path.join(folder, 'p.yaml');
  const seeds = Array.from({ length: tasks }, (_, seed) => seed);
  writeFileSync(
    file,
    `sonde: 1
name: orders
steps:
  prompts:
    uses: prompts/sample
    matrix: { seed: [${seeds.join(', ')}] }
    with: { source: embedded:parlour-prompts, count: 4, seed: "\${{ matrix.seed }}" }
`,
  );
  const options = ['--store', path.join(folder, 'store'), '--executor', 'workers', '--here', 'none', '--json'];
  const run = spawn(process.execPath, [cli, 'run', file, ...options], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const started = performance.now();
    let queued = 0;
    for await (const line of createInterface({ input: run.stdout })) {
      if (line.includes('"event":"task.queued"')) queued++;
      if (queued === tasks) break;
    }
    if (queued < tasks) throw new Error(`the run ended after ${queued} orders`);
    run.stdout.resume();
    const until = (performance.now() - started) / 1000;
    const before = usageOf(run.pid!);
    const from = performance.now();
    await delay(Number(values.seconds) * 1000);
    const after = usageOf(run.pid!);
    const seconds = (performance.now() - from) / 1000;
    console.log(
      JSON.stringify({
        benchmark: 'orders',
        tasks,
        seconds_to_give_all: rounded(until),
        cpu_seconds_to_give_all: rounded(before.cpu),
        core_share_while_waiting: rounded((after.cpu - before.cpu) / seconds),
        peak_mebibytes: Math.round(after.memory),
      }),
    );
  } finally {
    run.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
}
