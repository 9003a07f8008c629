import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { openStore } from '@sonde/store';
import { writeParquetParts } from '@sonde/tables';
import { cli, rounded } from './command-line.ts';

/** Of ten texts, three are distinct. */
const DISTINCT = 0.3;
const WORDS = 'you are the a fool idiot friend morning rain cat never always hate love said of in on run kill'.split(
  ' ',
);

/** Sentences of 4 to 16 words with their number in them, in an order in which equal ones lie far apart. */
function textOf(row: number, distinct: number): string {
  const which = (row * 7919) % distinct;
  const words = Array.from({ length: 4 + (which % 13) }, (_, i) => WORDS[(which * 31 + i * i * 17 + i) % WORDS.length]);
  return `${words.join(' ')} ${which}`;
}

async function writeTexts(file: string, count: number): Promise<void> {
  await writeParquetParts(file, async (append) => {
    for (let from = 0; from < count; from += 10_000) {
      const rows = Array.from({ length: Math.min(10_000, count - from) }, (_, i) => from + i);
      await append({
        rowCount: rows.length,
        columns: [
          { name: 'text_id', type: 'string', values: rows.map(String) },
          { name: 'text', type: 'string', values: rows.map((row) => textOf(row, count * DISTINCT)) },
        ],
      });
    }
  });
}

/** The largest resident memory that a process's children have had so far, in MiB: the worker's. */
function peakOfChildren(pid: number): number {
  let peak = 0;
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      const status = readFileSync(`/proc/${name}/status`, 'utf8');
      if (Number(/^PPid:\s+(\d+)/m.exec(status)?.[1]) !== pid) continue;
      peak = Math.max(peak, Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) / 1024);
    } catch {
      // It has ended.
    }
  }
  return peak;
}

interface Scored {
  readonly seconds: number;
  readonly peak: number;
  readonly status: number | null;
}

/** Runs the pipeline, and kills it once so many texts are done. */
async function score(folder: string, args: readonly string[], killAt = Number.POSITIVE_INFINITY): Promise<Scored> {
  const started = performance.now();
  const child = spawn(process.execPath, [cli, 'run', 'p.yaml', '--json', '--store', 'store', ...args], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let peak = 0;
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  for await (const line of createInterface({ input: child.stdout })) {
    const event = JSON.parse(line) as { event: string; done?: number };
    if (event.event === 'task.progress') peak = Math.max(peak, peakOfChildren(child.pid!));
    if (event.event === 'task.progress' && event.done! >= killAt) child.kill('SIGKILL');
  }
  return { status: await ended, seconds: rounded((performance.now() - started) / 1000), peak: Math.round(peak) };
}

async function keptScores(folder: string): Promise<number> {
  return (await (await openStore(path.join(folder, 'store'), { readOnly: true })).care.status()).memos.values;
}

/** A million texts, three in ten of them distinct, through `text/score`: killed half way, gone on with, and by another step. */
export async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: { texts: { type: 'string', default: '1000000' } } });
  const texts = Number(values.texts);
  const folder = mkdtempSync(path.join(tmpdir(), 'sonde-bench-'));
  try {
    await writeTexts(path.join(folder, 'texts.parquet'), texts);
    const step = '{ uses: text/score, with: { scorer: embedded:toxicity, texts: texts.parquet } }';
    writeFileSync(path.join(folder, 'p.yaml'), `sonde: 1\nname: million\nsteps:\n  scores: ${step}\n`);
    const killed = await score(folder, [], texts / 2);
    const keptAtKill = await keptScores(folder);
    const resumed = await score(folder, []);
    const kept = await keptScores(folder);
    const again = await score(folder, ['--refresh', 'scores']);
    console.log(
      JSON.stringify({
        benchmark: 'million',
        texts,
        distinct: texts * DISTINCT,
        killed,
        keptAtKill,
        resumed,
        kept,
        again,
      }),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
