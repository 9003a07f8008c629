import path from 'node:path';
import { UserError } from '@sonde/base';
import type { LiveState, RunEvent } from '@sonde/executor';
import { openStore, type RunSummary, type Store } from '@sonde/store';
import { storeFolder } from '../api.ts';
import { count, formatSeconds, shellWord } from '../format.ts';
import { lineOf } from '../lines.ts';
import { type CommonOptions, sameStore } from '../pipeline.ts';
import { alignColumns, openTerminal, printJson, type Terminal, visible } from '../terminal.ts';

function open(options: CommonOptions): Promise<Store> {
  return openStore(storeFolder(options.store), { readOnly: true });
}

/** `sonde runs`. */
export async function runs(options: CommonOptions): Promise<void> {
  const terminal = openTerminal(options);
  const store = await open(options);
  const list = await store.runs.list();
  const { atWork, waiting } = await workIn(store);
  if (options.json)
    return printJson(terminal, {
      sonde: 1,
      runs: list,
      waiting,
      work: atWork,
      stopped: unattended(list).map(({ id }) => id),
    });
  if (list.length === 0) return terminal.note('no runs yet');
  const { green, red, yellow, dim } = terminal.colors;
  const paint: Readonly<Record<string, (text: string) => string>> = {
    succeeded: green,
    failed: red,
    interrupted: yellow,
  };
  for (const line of alignColumns([
    ['run', 'pipeline', 'status', 'tasks, time'].map((title) => dim(title)),
    ...list.map((run) => [run.id, run.pipeline, (paint[run.status] ?? dim)(run.status), dim(describe(run))]),
  ]))
    terminal.out(line);
  for (const { shape, orders } of waiting) {
    terminal.out(dim(`for workers of shape ${shape}: ${count(orders, 'order')} not done yet`));
  }
  for (const line of liveLines(atWork, terminal)) terminal.out(line);
  for (const { id, file, status } of unattended(list)) {
    const why =
      status === 'died' ? 'its controller is gone' : 'its controller is silent, on a host that cannot be asked';
    terminal.out(`${yellow('stopped')}   run ${id}: ${why}. Workers do what is ready; no more is given to them.`);
    terminal.out(
      `          sonde run ${shellWord(path.relative(process.cwd(), file))}${sameStore(options)} takes it up, with the options that it had.`,
    );
  }
}

/** Runs that nobody brings to their end: the newest of their file, whose process did not live to tell. */
function unattended(list: readonly RunSummary[]): (RunSummary & { readonly file: string })[] {
  const seen = new Set<string>();
  return list.filter((run): run is RunSummary & { readonly file: string } => {
    if (run.file === undefined || seen.has(run.file)) return false;
    seen.add(run.file);
    return run.status === 'died' || run.status === 'unknown';
  });
}

/** What runs have given away: orders by shape, and what workers say of those that they are doing. */
async function workIn({ spool }: Store) {
  const waiting: { shape: string; orders: number }[] = [];
  for (const shape of await spool.shapes()) {
    const { length: orders } = await spool.list(shape);
    if (orders > 0) waiting.push({ shape, orders });
  }
  const states = await Promise.all([...(await spool.live())].map((key) => spool.readLive(key)));
  const known = states.filter((state) => state !== undefined) as unknown as readonly LiveState[];
  const atWork = known.filter(({ idle }) => idle !== true);
  return { atWork, waiting };
}

/** Each task at work: how far, where, and its last line. */
function liveLines(states: readonly LiveState[], { colors: { dim } }: Terminal): string[] {
  return alignColumns(
    states.map(({ task, progress, device, host, job, said, wrote = [] }) => [
      `at work   ${task}`,
      progress === undefined ? '' : `${progress.done}/${progress.total} ${progress.unit}`,
      `${device ?? 'begins'} on ${host}${job === undefined ? '' : ` (job ${job})`}`,
      dim(visible(wrote.at(-1) ?? said.at(-1)?.message ?? '')),
    ]),
  ).map((line) => line.trimEnd());
}

function describe({ counts, seconds }: RunSummary): string {
  const parts = Object.entries(counts ?? {})
    .filter(([, n]) => n > 0)
    .map(([name, n]) => `${n} ${name}`);
  return [...parts, ...(seconds === undefined ? [] : [formatSeconds(seconds)])].join(', ');
}

/** Whether an event is of this step, of a step inside it, or of this task. */
function isOf(event: RunEvent, name: string): boolean {
  return 'step' in event && (event.step === name || event.task === name || event.step.startsWith(`${name}/`));
}

/** `sonde logs`. */
export async function logs(id: string, step: string | undefined, options: CommonOptions): Promise<void> {
  const terminal = openTerminal({ ...options, verbose: true });
  const store = await open(options);
  const list = await store.runs.list();
  if (list.length === 0) {
    throw new UserError(
      'usage',
      `there is no run in ${store.dir} yet`,
      '`sonde run FILE` makes one; --store names another store.',
    );
  }
  const name = id === 'last' ? list[0]?.id : id;
  if (name === undefined || !list.some((run) => run.id === name)) {
    throw new UserError(
      'usage',
      `there is no run "${id}" in ${store.dir}`,
      `sonde runs${sameStore(options)} lists them; \`last\` names the newest.`,
    );
  }
  const { events } = await store.runs.open(name);
  const told = events as unknown as readonly RunEvent[];
  if (step !== undefined && !told.some((event) => isOf(event, step))) {
    const steps = [...new Set(told.flatMap((event) => ('step' in event ? [event.step] : [])))];
    throw new UserError('usage', `run ${name} has no step "${step}"`, `Its steps: ${steps.join(', ')}.`);
  }
  for (const event of told) {
    if (step !== undefined && !isOf(event, step)) continue;
    const line = options.json ? JSON.stringify(event) : lineOf(event, terminal);
    if (line !== undefined) terminal.out(options.json ? line : `${terminal.colors.dim(event.time)}  ${line}`);
  }
  if (options.json) return;
  const { atWork } = await workIn(store);
  const own = atWork.filter(
    (state) => state.run === name && (step === undefined || state.step === step || state.task === step),
  );
  const lines = liveLines(
    own.map(({ wrote: _, ...state }) => state),
    terminal,
  );
  for (const [at, line] of lines.entries()) {
    terminal.out(line);
    for (const text of own[at]?.wrote ?? []) terminal.out(terminal.colors.dim(`          | ${visible(text)}`));
  }
}
