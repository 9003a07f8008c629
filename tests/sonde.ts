import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));
const cli = path.join(root, 'dist', 'cli.js');

export interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface TaskEvent {
  readonly event: string;
  readonly task: string;
  readonly step: string;
  readonly [field: string]: unknown;
}

export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Resolves when the run has told of this event. */
  until(matches: (event: TaskEvent) => boolean): Promise<void>;
}

/** Starts the built command line in a folder with a store of its own. */
export const startSonde = (folder: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Running => {
  const child = spawn(process.execPath, [cli, ...args], {
    cwd: folder,
    env: { ...process.env, SONDE_STORE: path.join(folder, 'store'), NO_COLOR: '1', CI: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr, line] = ['', '', ''];
  const seen: TaskEvent[] = [];
  const waiting: { matches: (event: TaskEvent) => boolean; resolve: () => void }[] = [];
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk;
    line += chunk;
    const lines = line.split('\n');
    line = lines.pop()!;
    for (const text of lines) {
      if (!text.startsWith('{"')) continue;
      const event = JSON.parse(text) as TaskEvent;
      seen.push(event);
      for (const { matches, resolve } of waiting) if (matches(event)) resolve();
    }
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk;
  });
  const ended = new Promise<Ended>((resolve) => {
    child.on('close', (status, signal) => resolve({ status, signal, stdout, stderr }));
  });
  const until = (matches: (event: TaskEvent) => boolean): Promise<void> =>
    new Promise((resolve, reject) => {
      if (seen.some(matches)) resolve();
      waiting.push({ matches, resolve });
      ended.then(() => reject(new Error(`the run ended before that\n${stderr}`)));
    });
  return { child, ended, until };
};

export const sonde = (folder: string, args: readonly string[], env?: NodeJS.ProcessEnv): Promise<Ended> =>
  startSonde(folder, args, env).ended;

export interface RunSummary extends Ended {
  readonly events: readonly TaskEvent[];
  /** Tasks that ran, in the order in which they finished. */
  readonly ran: readonly string[];
  readonly counts: Readonly<Record<string, number>>;
}

/** `sonde run --json`, read. */
export const runPipeline = async (folder: string, file: string, ...args: string[]): Promise<RunSummary> => {
  const ended = await sonde(folder, ['run', file, '--json', ...args]);
  const events = ended.stdout
    .split('\n')
    .filter((text) => text.startsWith('{"'))
    .map((text) => JSON.parse(text) as TaskEvent);
  const finished = events.find(({ event }) => event === 'run.finished');
  return {
    ...ended,
    events,
    ran: events.filter(({ event }) => event === 'task.finished').map(({ task }) => task),
    counts: (finished?.counts ?? {}) as Record<string, number>,
  };
};

export const temporaryFolder = async (): Promise<{ folder: string; remove: () => Promise<void> }> => {
  const folder = await mkdtemp(path.join(tmpdir(), 'sonde-test-'));
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
};
