import { UserError } from '@sonde/base';
import type { PlannedTask } from '@sonde/executor';
import { type CopyProblem, giveResult, openRemote, problemsOfCopy, type Remote, type RemoteEvent } from '@sonde/remote';
import { type Key, openStore, type ResultRecord } from '@sonde/store';
import { plan, sharedStore, storeFolder } from '../api.ts';
import { EXIT } from '../errors.ts';
import { count, formatBytes } from '../format.ts';
import { type PipelineOptions, readGraph, storeOptions } from '../pipeline.ts';
import { createRemoteNews, remoteSecret, remotesOf } from '../remotes.ts';
import { exitWith, openTerminal, printJson, progressLine, type Terminal } from '../terminal.ts';

interface TransferOptions extends PipelineOptions {
  readonly verify?: boolean;
}

type Known = PlannedTask & { readonly key: Key };
type Whole = Known & { readonly record: ResultRecord };

function firstRemote(options: TransferOptions, { write }: { write: boolean }): Remote {
  const [first] = remotesOf(options);
  if (first === undefined) {
    throw new UserError('usage', 'no other store is named', 'Name it: --remote https://… or --remote FOLDER.');
  }
  return openRemote({ ...first, write }, process.cwd());
}

function wholeTasks(tasks: readonly PlannedTask[]): Whole[] {
  return tasks.filter((task): task is Whole => task.state === 'cached' && task.record !== undefined);
}

/** `sonde store push`: what is here of a pipeline's results is given to another store. */
export async function push(file: string, steps: readonly string[], options: TransferOptions): Promise<void> {
  const terminal = openTerminal(options);
  const graph = await readGraph(file, options);
  const remote = firstRemote(options, { write: true });
  const { tasks } = await plan(graph, { ...storeOptions(options, steps), remotes: [] });
  const whole = wholeTasks(tasks);
  if (whole.length === 0) {
    const hint = 'sonde run computes them, sonde store pull brings those of another store.';
    throw new UserError('usage', `${graph.name} has no results here to give`, hint);
  }
  const store = await openStore(storeFolder(options.store));
  const line = progressLine(terminal);
  const secret = remoteSecret();
  const problems: string[] = [];
  const replaced: string[] = [];
  let bytes = 0;
  try {
    for (const [at, task] of whole.entries()) {
      line.show(`${at}/${whole.length} results, ${formatBytes(bytes)} sent: ${task.task}`);
      bytes += await giveResult(remote, store, task.record, { secret });
      if (!options.verify) continue;
      const found = await problemsOf(remote, task);
      const anew = new Set(found.flatMap(({ digest }) => digest ?? []));
      if (anew.size > 0) bytes += await giveResult(remote, store, task.record, { secret, anew });
      const left = anew.size > 0 ? await problemsOf(remote, task) : found;
      problems.push(...left.map(({ problem }) => problem));
      const isMended = ({ digest }: CopyProblem) => digest !== undefined && left.every((one) => one.digest !== digest);
      replaced.push(...found.filter(isMended).map(({ problem }) => problem));
    }
  } finally {
    line.end();
    await store.close();
  }
  const done = { verb: 'given to', remote: remote.name, results: whole.length, bytes, problems, replaced };
  report(terminal, options, { ...done, pipeline: graph.name });
}

/** `sonde store pull`: what other stores have of a pipeline's results is brought here, or checked at the first of them. */
export async function pull(file: string, steps: readonly string[], options: TransferOptions): Promise<void> {
  const terminal = openTerminal(options);
  const graph = await readGraph(file, options);
  const remote = firstRemote(options, { write: false });
  const news = createRemoteNews(terminal);
  const line = progressLine(terminal);
  const failed: Failed[] = [];
  const asked: Asked = {
    ...storeOptions(options, steps),
    // What is checked is the first alone.
    ...(options.verify ? { remotes: remotesOf(options).slice(0, 1) } : {}),
    onRemote(event) {
      if (event.event === 'failed') failed.push(event);
      if (event.event === 'fetching')
        line.show(`${event.what}: ${formatBytes(event.done)} of ${formatBytes(event.total)}`);
    },
  };
  const { tasks } = await plan(graph, asked);
  const whole = wholeTasks(tasks);
  // What has lost its content there is a result of it, too.
  const known = tasks.filter((task): task is Known => task.key !== undefined);
  const done = options.verify ? await checkAll(remote, known, line) : await bringAll(remote, whole, asked);
  line.end();
  // What has not come may lie where nobody answered.
  const lacking = done.problems.length > 0 || whole.length < tasks.length;
  for (const event of lacking ? [] : failed) news.tell(event);
  const problems = [...(lacking ? failed.map(textOf) : []), ...done.problems];
  report(terminal, options, { ...done, pipeline: graph.name, problems });
}

type Asked = ReturnType<typeof storeOptions>;
type Failed = RemoteEvent & { readonly event: 'failed' };
type Line = ReturnType<typeof progressLine>;

const textOf = ({ message, hint }: Failed): string => (hint === undefined ? message : `${message}. ${hint}`);

async function bringAll(first: Remote, tasks: readonly Whole[], asked: Asked): Promise<Moved> {
  const theirs = tasks.filter(({ record }) => record.notes?.remote !== undefined);
  const names = [...new Set(theirs.map(({ record }) => String(record.notes?.remote)))];
  const problems: string[] = [];
  let bytes = 0;
  const store = await sharedStore({
    ...asked,
    onRemote(event) {
      asked.onRemote(event);
      if (event.event === 'fetched') bytes += event.bytes;
    },
  });
  try {
    for (const { task, record } of theirs) {
      for (const output of await store.bringResult(record)) problems.push(`${task}: ${output} could not be brought`);
    }
  } finally {
    await store.close();
  }
  const remote = names.length === 0 ? first.name : names.join(', ');
  return { verb: 'brought from', remote, results: theirs.length, bytes, problems };
}

async function checkAll(remote: Remote, tasks: readonly Known[], line: Line): Promise<Moved> {
  const problems: string[] = [];
  let results = 0;
  for (const [at, task] of tasks.entries()) {
    line.show(`${at}/${tasks.length} results checked: ${task.task}`);
    const found = await copyProblems(remote, task);
    if (found === undefined) continue;
    problems.push(...found.map(({ problem }) => problem));
    results++;
  }
  return { verb: 'checked at', remote: remote.name, results, bytes: 0, problems };
}

/** Undefined where the other store has no such result. */
async function copyProblems(remote: Remote, { task, key }: Known): Promise<CopyProblem[] | undefined> {
  const problems = await problemsOfCopy(remote, key, { secret: remoteSecret() });
  return problems?.map((one) => ({ ...one, problem: `${task}: ${one.problem}` }));
}

/** Of a copy that has just been given. */
async function problemsOf(remote: Remote, task: Known): Promise<CopyProblem[]> {
  return (await copyProblems(remote, task)) ?? [{ problem: `${task.task}: it has no such result` }];
}

interface Moved {
  readonly verb: string;
  /** The names of the stores. */
  readonly remote: string;
  readonly results: number;
  readonly bytes: number;
  readonly problems: readonly string[];
  /** What was wrong there and is not any more, as it was. */
  readonly replaced?: readonly string[];
}

interface Transferred extends Moved {
  readonly pipeline: string;
}

function report(terminal: Terminal, options: TransferOptions, done: Transferred): void {
  const { verb, remote, pipeline, results, bytes, problems, replaced = [] } = done;
  if (options.json) printJson(terminal, { sonde: 1, pipeline, remote, results, bytes, problems, replaced });
  else {
    for (const problem of replaced) terminal.out(`${terminal.colors.yellow('replaced')} ${problem}`);
    for (const problem of problems) terminal.out(`${terminal.colors.red('problem')}  ${problem}`);
    const amount = bytes > 0 ? ` (${formatBytes(bytes)})` : '';
    terminal.out(`${pipeline}: ${count(results, 'result')} ${verb} ${remote}${amount}`);
  }
  if (problems.length > 0) exitWith(EXIT.failed);
}
