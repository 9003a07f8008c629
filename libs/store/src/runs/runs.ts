import { randomInt } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { JsonValue } from '@sonde/base';
import type { Context } from '../context.ts';
import { StoreError } from '../disk/errors.ts';
import { namesIn, publish, syncFolder, tolerate, writeFlushed } from '../disk/files.ts';
import { guarded } from '../disk/guarded.ts';
import { canonicalJson } from '../disk/json.ts';
import { readHolder, SILENT_BEATS } from '../leases/holder-files.ts';
import { lifeOf } from '../leases/process.ts';
import type { RunDetail, RunFinish, RunLog, RunMeta, RunSummary, Runs } from './types.ts';

const FLUSH_AFTER = 200;
const RUN_ID = /^\d{8}-\d{6}-[a-z0-9]{6}$/;

interface RunFile {
  readonly id: string;
  readonly started: string;
  readonly holder: string;
  readonly meta: RunMeta;
}

export function createRuns(context: Context): Runs {
  return {
    create: async (meta) => guarded(await createRun(context, meta), context.layout.dir),
    async list() {
      const found: RunSummary[] = [];
      for (const id of (await runIds(context)).reverse()) {
        const run = await readRun(context, id);
        if (run !== undefined) found.push(await summaryOf(context, run));
      }
      return found;
    },
    async open(id): Promise<RunDetail> {
      const run = RUN_ID.test(id) ? await readRun(context, id) : undefined;
      if (run === undefined) {
        throw new StoreError('io', `The store ${context.layout.dir} has no run ${id}.`, {
          hint: '`sonde runs` lists them.',
        });
      }
      const events: JsonValue[] = [];
      let damagedLines = 0;
      for await (const line of eventLines(context, id)) {
        const event = parse(line);
        if (event === undefined) damagedLines += 1;
        else events.push(event as JsonValue);
      }
      return { ...(await summaryOf(context, run)), meta: run.meta, events, damagedLines };
    },
  };
}

/** The ids of all runs, oldest first. */
export async function runIds(context: Context): Promise<string[]> {
  return (await namesIn(context.layout.runs)).filter((name) => RUN_ID.test(name));
}

/** A run's file; undefined where it cannot be read. */
export async function readRun(context: Context, id: string): Promise<RunFile | undefined> {
  const text = await tolerate(['ENOENT', 'ENOTDIR'], readFile(join(context.layout.runs, id, 'run.json'), 'utf8'));
  const value = text === undefined ? undefined : parse(text);
  return typeof value === 'object' && value !== null && 'meta' in value ? (value as RunFile) : undefined;
}

/** The lines of a run's events, a cut-off last one included. */
export async function* eventLines(context: Context, id: string): AsyncIterable<string> {
  const path = join(context.layout.runs, id, 'events.jsonl');
  if ((await tolerate(['ENOENT'], stat(path))) === undefined) return;
  for await (const line of createInterface({ input: createReadStream(path, 'utf8'), crlfDelay: Infinity })) {
    if (line !== '') yield line;
  }
}

async function createRun(context: Context, meta: RunMeta): Promise<RunLog> {
  const holder = await context.holder();
  const now = new Date();
  const id = `${stamp(now)}-${suffix(now)}`;
  const run: RunFile = { id, started: now.toISOString(), holder: holder.id, meta };
  const folder = join(context.layout.runs, id);
  const beside = holder.temporary();
  try {
    await mkdir(beside);
    await writeFlushed(join(beside, 'run.json'), `${canonicalJson({ ...run, meta: { ...meta } })}\n`);
    await syncFolder(beside);
    await publish(beside, folder);
  } finally {
    await rm(beside, { recursive: true, force: true });
  }
  const end = holder.begin();
  return logTo(await open(join(folder, 'events.jsonl'), 'a'), id, async (summary) => {
    end();
    const temporary = holder.temporary();
    try {
      await writeFlushed(temporary, `${canonicalJson({ ...summary, finished: new Date().toISOString() })}\n`);
      await publish(temporary, join(folder, 'summary.json'));
    } finally {
      await rm(temporary, { force: true });
    }
  });
}

function logTo(file: FileHandle, id: string, publishSummary: (summary: RunFinish) => Promise<void>): RunLog {
  let waiting: string[] = [];
  let timer: NodeJS.Timeout | undefined;
  let failure: unknown;
  let writing: Promise<void> = Promise.resolve();

  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    const text = waiting.join('');
    waiting = [];
    if (text === '') return;
    writing = writing
      .then(() => file.appendFile(text))
      .catch((error: unknown) => {
        failure ??= error;
      });
  };
  return {
    id,
    append(event) {
      waiting.push(`${JSON.stringify(event)}\n`);
      timer ??= setTimeout(flush, FLUSH_AFTER);
    },
    async finish(summary) {
      flush();
      await writing;
      try {
        if (failure !== undefined) throw failure;
        await file.sync();
      } finally {
        await file.close();
      }
      await publishSummary(summary);
    },
  };
}

async function summaryOf(context: Context, run: RunFile): Promise<RunSummary> {
  const { id, started, meta } = run;
  const base = { id, pipeline: meta.pipeline, ...(meta.file === undefined ? {} : { file: meta.file }), started };
  const text = await tolerate(['ENOENT'], readFile(join(context.layout.runs, id, 'summary.json'), 'utf8'));
  const end = text === undefined ? undefined : (parse(text) as (RunFinish & { finished: string }) | undefined);
  if (end !== undefined) {
    const { status, finished, counts, seconds } = end;
    return { ...base, status, finished, counts, seconds };
  }
  return { ...base, status: await unfinished(context, run.holder) };
}

async function unfinished(context: Context, holder: string): Promise<'running' | 'died' | 'unknown'> {
  const file = await readHolder(context.layout, holder);
  if (file === undefined) return 'died';
  const life = lifeOf(file);
  if (life !== 'unknown') return life === 'alive' ? 'running' : 'died';
  const beaten = await tolerate(['ENOENT'], stat(context.layout.holder(holder)));
  if (beaten === undefined) return 'died';
  return Math.abs(Date.now() - beaten.ctimeMs) < SILENT_BEATS * file.beatSeconds * 1000 ? 'running' : 'unknown';
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function stamp(time: Date): string {
  const [date = '', clock = ''] = time.toISOString().split('T');
  return `${date.replaceAll('-', '')}-${clock.slice(0, 8).replaceAll(':', '')}`;
}

/** Six of a–z and 0–9: two for the millisecond, so that ids sort by it too, and four by chance. */
function suffix(time: Date): string {
  const chance = randomInt(36 ** 4);
  return time.getUTCMilliseconds().toString(36).padStart(2, '0') + chance.toString(36).padStart(4, '0');
}
