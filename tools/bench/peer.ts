// Work done twice, by Sonde and by transformers, each in a process of its own so that its peak of memory is its own.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { OpenOptions } from '@sonde/engine';
import { rounded } from './command-line.ts';

export interface Measured {
  readonly seconds: number;
  readonly peak_mb: number;
}

/** The same of Sonde's side, with the process's processor time, which other work on the machine changes less. */
export interface MeasuredHere extends Measured {
  readonly cpu_seconds: number;
}

export const SHAPES = 'pythia-14m,pythia-160m,smollm2-135m';

const cache = fileURLToPath(new URL('../../node_modules/.cache/sonde-bench', import.meta.url));
const script = fileURLToPath(new URL('peer_transformers.py', import.meta.url));
const program = fileURLToPath(new URL('main.ts', import.meta.url));

function call(command: string, args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 26 });
  if (status !== 0) throw new Error(`${command} ${args[0]} ended with status ${status}\n${stderr.slice(-2000)}`);
  return stdout;
}

/** How a benchmark's `--threads`, `--device` and `--compute` open a model; both sides compute in the same type. */
export const PLACE = {
  threads: { type: 'string', default: '2' },
  device: { type: 'string', default: 'cpu' },
  compute: { type: 'string', default: 'float32' },
} as const;

export const PLACE_USAGE = `  --threads N     (2)
  --device NAME   cpu, cuda or webgpu; the peer computes on CUDA for both (cpu)
  --compute TYPE  float32, float16 or bfloat16: of linear layers, and of all of the peer (float32)
`;

export type Place = Readonly<Record<keyof typeof PLACE, string>>;

export function openOptionsOf({ threads, device, compute }: Place): OpenOptions {
  const narrow = compute === 'float16' || compute === 'bfloat16';
  return { threads: Number(threads), device, ...(narrow && { compute }) };
}

/** The same for a benchmark's own process, and for its peer. */
export function placeArguments({ threads, device, compute }: Place): { own: string[]; peer: string[] } {
  return {
    own: ['--threads', threads, '--device', device, '--compute', compute],
    peer: [threads, device === 'cpu' ? 'cpu' : 'cuda', compute],
  };
}

/** The folder of a random checkpoint in a known shape, made if it is not there. */
export function checkpoint(shape: string, python: string): string {
  const folder = path.join(cache, shape);
  if (!existsSync(path.join(folder, 'tokenizer_config.json'))) {
    mkdirSync(folder, { recursive: true });
    call(python, [script, 'make', shape, folder]);
  }
  return folder;
}

/** A benchmark's own part, in a process of its own. */
export function ownRun(name: string, folder: string, args: readonly string[]): MeasuredHere {
  const self = ['--import', 'tsx', program, name, '--own', folder, ...args];
  return JSON.parse(call(process.execPath, self)) as MeasuredHere;
}

/** A moment of the clock and of the process's processor time. */
export interface Moment {
  readonly clock: number;
  readonly cpu: NodeJS.CpuUsage;
}

export function now(): Moment {
  return { clock: performance.now(), cpu: process.cpuUsage() };
}

/** Seconds since then, and this process's peak of resident memory. */
export function measured({ clock, cpu }: Moment): MeasuredHere {
  const { user, system } = process.cpuUsage(cpu);
  return {
    seconds: (performance.now() - clock) / 1000,
    cpu_seconds: (user + system) / 1e6,
    peak_mb: process.resourceUsage().maxRSS / 1024,
  };
}

function best(runs: readonly Measured[]): Measured {
  return runs.reduce((a, b) => (a.seconds <= b.seconds ? a : b));
}

/** What is done of both sides' work. */
export interface Contest {
  readonly name: string;
  readonly shapes: string;
  readonly python: string | undefined;
  readonly rounds: number;
  /** Arguments of this benchmark that make it do Sonde's part, after `--own FOLDER`. */
  readonly own: readonly string[];
  /** Command of the peer's script, and its arguments after the folder. */
  readonly peer: readonly [string, ...string[]];
  /** How much is done, and of what. */
  readonly total: number;
  readonly unit: string;
}

/** Runs both sides in turn; the best round of each counts. Prints one JSON object a shape. */
export function compete({ name, shapes, python, rounds, own, peer, total, unit }: Contest): void {
  if (python === undefined) throw new Error('--python PATH is required: a Python with torch and transformers');
  const [command, ...rest] = peer;
  for (const shape of shapes.split(',')) {
    const folder = checkpoint(shape, python);
    const [ours, theirs]: [Measured[], Measured[]] = [[], []];
    for (let round = 0; round < rounds; round++) {
      ours.push(ownRun(name, folder, own));
      theirs.push(JSON.parse(call(python, [script, command, folder, ...rest])) as Measured);
    }
    const [a, b] = [best(ours), best(theirs)];
    const shown = ({ seconds, peak_mb }: Measured) => ({
      seconds: rounded(seconds),
      per_second: rounded(total / seconds),
      peak_mb: Math.round(peak_mb),
    });
    console.log(
      JSON.stringify({
        benchmark: name,
        shape,
        [unit]: total,
        sonde: shown(a),
        transformers: shown(b),
        times_faster: rounded(b.seconds / a.seconds),
        memory_ratio: rounded(a.peak_mb / b.peak_mb),
      }),
    );
  }
}
