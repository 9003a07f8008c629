import { UserError } from '@sonde/base';
import type { PlannedTask } from '@sonde/executor';
import { giveResult, openRemote, problemsOfCopy, type Remote } from '@sonde/remote';
import { openStore, type ResultRecord } from '@sonde/store';
import { plan, sharedStore, storeFolder } from '../api.ts';
import { EXIT } from '../errors.ts';
import { count, formatBytes } from '../format.ts';
import { type PipelineOptions, readGraph, storeOptions } from '../pipeline.ts';
import { createRemoteNews, remoteSecret, remotesOf } from '../remotes.ts';
import { exitWith, openTerminal, printJson, progressLine, type Terminal } from '../terminal.ts';

interface TransferOptions extends PipelineOptions {
  readonly verify?: boolean;
}

type Whole = PlannedTask & { readonly record: ResultRecord };

function firstRemote(options: TransferOptions): Remote {
  const [first] = remotesOf(options);
  if (first === undefined) {
    throw new UserError('usage', 'no other store is named', 'Name it: --remote https://… or --remote FOLDER.');
  }
  return openRemote({ ...first, write: true }, process.cwd());
}

function wholeTasks(tasks: readonly PlannedTask[]): Whole[] {
  return tasks.filter((task): task is Whole => task.state === 'cached' && task.record !== undefined);
}

/** `sonde store push`: what is here of a pipeline's results is given to another store. */
export async function push(file: string, steps: readonly string[], options: TransferOptions): Promise<void> {
  const terminal = openTerminal(options);
  const graph = await readGraph(file, options);
  const remote = firstRemote(options);
  const { tasks } = await plan(graph, { ...storeOptions(options, steps), remotes: [] });
  const whole = wholeTasks(tasks);
  if (whole.length === 0)
    throw new UserError('usage', `${graph.name} has no results here to give`, 'sonde run computes them.');
  const store = await openStore(storeFolder(options.store));
  const line = progressLine(terminal);
  const secret = remoteSecret();
  const problems: string[] = [];
  let bytes = 0;
  try {
    for (const [at, { task, record }] of whole.entries()) {
      line.show(`${at}/${whole.length} results, ${formatBytes(bytes)} sent: ${task}`);
      bytes += await giveResult(remote, store, record, { secret });
      if (options.verify) problems.push(...(await checked(remote, { task, record })));
    }
  } finally {
    line.end();
    await store.close();
  }
  report(terminal, options, { verb: 'given to', remote, pipeline: graph.name, results: whole.length, bytes, problems });
}

/** `sonde store pull`: what another store has of a pipeline's results is brought here. */
export async function pull(file: string, steps: readonly string[], options: TransferOptions): Promise<void> {
  const terminal = openTerminal(options);
  const graph = await readGraph(file, options);
  const remote = firstRemote(options);
  const news = createRemoteNews(terminal);
  const asked = { ...storeOptions(options, steps), onRemote: news.tell };
  const { tasks } = await plan(graph, asked);
  const theirs = wholeTasks(tasks).filter(({ record }) => record.notes?.remote !== undefined);
  const line = progressLine(terminal);
  const problems: string[] = [];
  let bytes = 0;
  if (options.verify) {
    for (const [at, task] of theirs.entries()) {
      line.show(`${at}/${theirs.length} results checked: ${task.task}`);
      problems.push(...(await checked(remote, task)));
    }
  } else {
    const store = await sharedStore({
      ...asked,
      onRemote(event) {
        news.tell(event);
        if (event.event === 'fetching')
          line.show(`${event.what}: ${formatBytes(event.done)} of ${formatBytes(event.total)}`);
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
  }
  line.end();
  const verb = options.verify ? 'checked at' : 'brought from';
  report(terminal, options, { verb, remote, pipeline: graph.name, results: theirs.length, bytes, problems });
}

async function checked(remote: Remote, { task, record }: Pick<Whole, 'task' | 'record'>): Promise<string[]> {
  const problems = await problemsOfCopy(remote, record, { secret: remoteSecret() });
  return problems.map((problem) => `${task}: ${problem}`);
}

interface Transferred {
  readonly verb: string;
  readonly remote: Remote;
  readonly pipeline: string;
  readonly results: number;
  readonly bytes: number;
  readonly problems: readonly string[];
}

function report(terminal: Terminal, options: TransferOptions, done: Transferred): void {
  const { verb, remote, pipeline, results, bytes, problems } = done;
  if (options.json) printJson(terminal, { sonde: 1, pipeline, remote: remote.name, results, bytes, problems });
  else {
    for (const problem of problems) terminal.out(`${terminal.colors.red('problem')}  ${problem}`);
    const amount = bytes > 0 ? ` (${formatBytes(bytes)})` : '';
    terminal.out(`${pipeline}: ${count(results, 'result')} ${verb} ${remote.name}${amount}`);
  }
  if (problems.length > 0) exitWith(EXIT.failed);
}
