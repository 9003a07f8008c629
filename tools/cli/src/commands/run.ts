import { existsSync } from 'node:fs';
import path from 'node:path';
import { isMachineFault } from '@sonde/base';
import type { RunEvent, RunResult } from '@sonde/executor';
import type { Graph } from '@sonde/pipeline';
import type { RemoteEvent } from '@sonde/remote';
import { checkResultsFolder, type EarlierOutput, type WrittenResults, writeResults } from '@sonde/results';
import { openStore } from '@sonde/store';
import { run as runPipeline, storeFolder, storePlace } from '../api.ts';
import { detach } from '../detach.ts';
import { EXIT } from '../errors.ts';
import { executorOf, interruptionOf } from '../executors.ts';
import { count, formatSeconds } from '../format.ts';
import { lineOf } from '../lines.ts';
import { createLiveDisplay, type Display } from '../live.ts';
import { version } from '../package.ts';
import { consents, type PipelineOptions, readGraph, storeOptions } from '../pipeline.ts';
import { createRemoteNews } from '../remotes.ts';
import { alignColumns, exitWith, message, openTerminal, type Terminal } from '../terminal.ts';

interface RunCommandOptions extends PipelineOptions {
  readonly jobs?: number;
  readonly keepGoing?: boolean;
  readonly out?: string;
}

/** First SIGINT or SIGTERM: stop cleanly, once it is known what is left behind; a second one: at once. */
function stopSignals(ask: () => Promise<void>): {
  stop: AbortController;
  kill: AbortController;
  received: () => NodeJS.Signals | undefined;
} {
  const stop = new AbortController();
  const kill = new AbortController();
  let received: NodeJS.Signals | undefined;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (received !== undefined) kill.abort();
      received ??= signal;
      if (signal === 'SIGINT') ask().finally(() => stop.abort());
      else stop.abort();
    });
  }
  return { stop, kill, received: () => received };
}

function tasksByStep(graph: Graph): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { step } of graph.tasks) counts.set(step, (counts.get(step) ?? 0) + 1);
  return counts;
}

type Ending = Extract<RunEvent, { event: 'task.cached' | 'task.finished' | 'task.failed' | 'task.skipped' }>;

function isEnding(event: RunEvent): event is Ending {
  return (
    event.event === 'task.cached' ||
    event.event === 'task.finished' ||
    event.event === 'task.failed' ||
    event.event === 'task.skipped'
  );
}

/** What ran, what was cached, how long: a line a step. */
function summaryTable(events: readonly RunEvent[], terminal: Terminal): string[] {
  interface Row {
    ran: number;
    cached: number;
    failed: number;
    skipped: number;
    seconds: number;
  }
  const steps = new Map<string, Row>();
  // A task whose stored result turns out damaged ends twice; how it ended last counts.
  const endings = new Map(events.flatMap((event) => (isEnding(event) ? [[event.task, event] as const] : [])));
  for (const event of endings.values()) {
    const row = steps.get(event.step) ?? { ran: 0, cached: 0, failed: 0, skipped: 0, seconds: 0 };
    steps.set(event.step, row);
    if (event.event === 'task.cached') row.cached++;
    if (event.event === 'task.failed') row.failed++;
    if (event.event === 'task.skipped') row.skipped++;
    if (event.event === 'task.finished') {
      row.ran++;
      row.seconds += event.seconds;
    }
  }
  const { dim, red } = terminal.colors;
  const cell = (n: number): string => (n === 0 ? dim('·') : String(n));
  return alignColumns([
    ['step', 'ran', 'cached', 'failed', 'skipped', 'time'].map((title) => dim(title)),
    ...[...steps].map(([step, row]) => [
      step,
      cell(row.ran),
      cell(row.cached),
      row.failed > 0 ? red(String(row.failed)) : cell(0),
      cell(row.skipped),
      row.ran > 0 ? formatSeconds(row.seconds) : dim('·'),
    ]),
  ]);
}

function plainDisplay(terminal: Terminal): Display {
  const lastProgress = new Map<string, number>();
  return {
    show(event) {
      if (event.event === 'task.progress' || event.event === 'data.progress') {
        const what = event.event === 'task.progress' ? event.task : event.ref;
        const now = Date.now();
        if (now - (lastProgress.get(what) ?? now) < 5000) {
          if (!lastProgress.has(what)) lastProgress.set(what, now);
          return;
        }
        lastProgress.set(what, now);
      }
      const line = lineOf(event, terminal);
      if (line !== undefined) terminal.note(line);
    },
    print: (line) => terminal.note(line),
    close: () => undefined,
  };
}

function liveDisplay(terminal: Terminal, graph: Graph): Display {
  const live = createLiveDisplay(terminal, tasksByStep(graph));
  return {
    ...live,
    show(event) {
      live.show(event);
      const lasting =
        event.event === 'task.failed' ||
        event.event === 'task.retrying' ||
        event.event === 'task.waiting' ||
        event.event === 'device.waiting' ||
        event.event === 'data.retrying' ||
        (event.event === 'data.resolved' && (event.from !== 'lock' || terminal.verbose));
      const spoken = event.event === 'task.log' && (event.level === 'warning' || terminal.verbose);
      const line = lasting || spoken ? lineOf(event, terminal) : undefined;
      if (line !== undefined) live.print(line);
    },
  };
}

/** Which files in the results' folder this run did not write. */
function earlierText(earlier: readonly EarlierOutput[], folder: string, partial: boolean): string {
  const runs = [...new Set(earlier.map(({ run }) => run))].join(', ');
  const files = earlier.slice(0, 5).map(({ file }) => file);
  const more = earlier.length > 5 ? ` and ${earlier.length - 5} more` : '';
  const why = partial ? 'was not asked for' : 'did not succeed';
  return `${folder} holds results of an earlier run (${runs}) for what ${why} here: ${files.join(', ')}${more}`;
}

function statusOfRun(result: RunResult, signal: NodeJS.Signals | undefined): number {
  if (result.status === 'interrupted') return signal === 'SIGTERM' ? EXIT.terminated : EXIT.interrupted;
  if (result.status === 'succeeded') return EXIT.done;
  return [...result.failures.values()].some(({ code }) => isMachineFault(code)) ? EXIT.machine : EXIT.failed;
}

/** Where results are kept that nobody chose a place for: said once, when the store is made. */
function tellOfStore({ store, json }: RunCommandOptions, terminal: Terminal): void {
  const { folder, isUsers } = storePlace(store);
  if (!isUsers || json || existsSync(folder)) return;
  terminal.note(`No package.json is near, so what is computed is kept in ${folder}`);
  terminal.note(terminal.colors.dim('Another place: --store DIR, or SONDE_STORE=DIR for every command.'));
}

/** What comes from another store is shown as any download. */
function showTransfer(event: RemoteEvent, display: Display): void {
  const time = new Date().toISOString();
  if (event.event === 'fetching') {
    const { what: ref, done, total } = event;
    display.show({ time, event: 'data.progress', ref, done, total });
  } else if (event.event === 'fetched') {
    const { what: ref, bytes, seconds } = event;
    display.show({ time, event: 'data.fetched', ref, bytes, seconds });
  }
}

/** `sonde run`. */
export async function run(file: string, steps: readonly string[], options: RunCommandOptions): Promise<void> {
  const terminal = openTerminal(options);
  const graph = await readGraph(file, options);
  const folder = path.resolve(options.out ?? path.join('results', graph.name));
  await checkResultsFolder(folder);
  tellOfStore(options, terminal);
  if (options.detach === true) return detach(options, terminal);
  const interruption = interruptionOf(options);
  const { stop, kill, received } = stopSignals(async () => {
    if (executorOf(options) === 'local') return;
    display?.close();
    await interruption.ask();
  });
  const display = options.json ? undefined : terminal.live ? liveDisplay(terminal, graph) : plainDisplay(terminal);
  const news = createRemoteNews(terminal, (event) => display && showTransfer(event, display));
  const handle = await runPipeline(graph, {
    ...storeOptions(options, steps),
    origin: file,
    ...(options.jobs === undefined ? {} : { jobs: options.jobs }),
    away: {
      ...(options.here === undefined ? {} : { lightHere: options.here !== 'none' }),
      onInterrupt: interruption.mode,
    },
    keepGoing: options.keepGoing === true,
    allowCode: consents(graph, options.allowCode),
    signal: stop.signal,
    killSignal: kill.signal,
    metadata: { file: path.resolve(file) },
    onNote: (text) => terminal.note(text),
    onRemote: news.tell,
  });
  const events: RunEvent[] = [];
  let last: RunEvent | undefined;
  handle.result.catch(() => undefined);
  for await (const event of handle.events) {
    // The last line says that everything is done, the results' folder included: it is printed after that.
    if (event.event === 'run.finished') last = event;
    else if (options.json) terminal.out(JSON.stringify(event));
    else display?.show(event);
    if (event.event !== 'task.progress' && event.event !== 'data.progress') events.push(event);
  }
  display?.close();
  let result: RunResult;
  let results: WrittenResults;
  try {
    result = await handle.result;
    const prune = result.status === 'succeeded' && steps.length === 0;
    results = await writeResults(graph, result, await openStore(storeFolder(options.store)), folder, {
      prune,
      sonde: version(),
    });
  } finally {
    // Also where the results could not be written: whoever reads the lines waits for this one.
    if (options.json && last !== undefined) terminal.out(JSON.stringify(last));
  }
  const transfers = news.summary();
  if (transfers !== undefined) terminal.note(transfers);
  const { written, earlier } = results;
  const shownFolder = path.relative(process.cwd(), folder) || '.';
  if (earlier.length > 0) terminal.error(earlierText(earlier, shownFolder, steps.length > 0));
  if (options.json) return exitWith(statusOfRun(result, received()));
  terminal.note('');
  for (const line of summaryTable(events, terminal)) terminal.note(line);
  const { cached, ran, failed, skipped } = result.counts;
  const verdict = {
    succeeded: terminal.colors.green('done'),
    failed: terminal.colors.red('failed'),
    interrupted: terminal.colors.yellow('interrupted'),
  };
  terminal.note(
    `\n${verdict[result.status]} in ${formatSeconds(result.seconds)}: ${ran} ran, ${cached} cached` +
      `${failed > 0 ? `, ${failed} failed` : ''}${skipped > 0 ? `, ${skipped} skipped` : ''}  ${terminal.colors.dim(`(run ${result.run})`)}`,
  );
  if (result.status === 'interrupted') {
    const left = executorOf(options) !== 'local' && interruption.mode() === 'leave';
    if (left) terminal.note('Workers that are queued or running go on with what was given to them.');
    terminal.note('What was complete is kept; the same command goes on from here.');
  }
  for (const [task, failure] of result.failures) {
    terminal.error(
      `\n${terminal.colors.red('failed:')} ${task}\n  ${message(failure.message).replaceAll('\n', '\n  ')}`,
    );
    if (failure.stderr !== undefined)
      terminal.error(terminal.colors.dim(message(failure.stderr).trimEnd().replace(/^/gm, '  | ')));
    if (failure.hint !== undefined) terminal.error(terminal.colors.dim(`  ${message(failure.hint)}`));
  }
  const shown = written.filter((name) => name.endsWith('.html'));
  for (const name of shown) terminal.out(path.relative(process.cwd(), name));
  if (written.length > 0) terminal.note(`${count(written.length, 'output')} in ${shownFolder}`);
  exitWith(statusOfRun(result, received()));
}
