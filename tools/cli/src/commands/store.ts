import path from 'node:path';
import { UserError } from '@sonde/base';
import { openStore, type Problem, repairMarker, type VerifyReport } from '@sonde/store';
import { plan, storeFolder } from '../api.ts';
import { EXIT } from '../errors.ts';
import { count, formatBytes, formatPeriod } from '../format.ts';
import { type CommonOptions, type PipelineOptions, readGraph, storeOptions } from '../pipeline.ts';
import { alignColumns, exitWith, openTerminal, printJson, progressLine, type Terminal } from '../terminal.ts';

interface GcOptions extends CommonOptions {
  readonly keepRuns: number;
  readonly olderThan?: number;
  readonly dryRun?: boolean;
}

/** `sonde store status`. */
export async function status(options: CommonOptions): Promise<void> {
  const terminal = openTerminal(options);
  const found = await (await openStore(storeFolder(options.store), { readOnly: true })).care.status();
  if (options.json) return printJson(terminal, { sonde: 1, ...found });
  const rows = [
    ['store', found.dir],
    ['results', String(found.results)],
    ['blobs', `${found.blobs}, ${formatBytes(found.bytes)}`],
    [
      'scores',
      `of ${count(found.memos.values, 'text')} by ${count(found.memos.makers, 'scorer')}, ${formatBytes(found.memos.bytes)}`,
    ],
    ['runs', String(found.runs)],
    ['pins', String(found.pins)],
    ['quarantined', `${found.quarantined}, ${formatBytes(found.quarantinedBytes)}`],
    ['temporary', formatBytes(found.temporaryBytes)],
  ];
  for (const line of alignColumns(rows)) terminal.out(line);
}

/** `sonde store verify`. */
export async function verify(options: CommonOptions & { readonly repair?: boolean }): Promise<void> {
  const terminal = openTerminal(options);
  const folder = storeFolder(options.store);
  const repair = options.repair === true;
  const marked = repair && (await repairMarker(folder));
  const store = await openStore(folder);
  const line = progressLine(terminal);
  const found = await store.care.verify({
    repair,
    onProgress({ phase, done, total }) {
      line.show(`${phase} ${done}/${total}`);
    },
  });
  await store.close();
  const marker: Problem = {
    kind: 'store',
    path: path.join(store.dir, 'store.json'),
    problem: 'it was missing or damaged',
    repaired: 'written anew',
  };
  const report = marked ? { ...found, problems: [marker, ...found.problems] } : found;
  line.end();
  if (options.json) printJson(terminal, { sonde: 1, ...report });
  else {
    for (const problem of report.problems) terminal.out(describe(problem, terminal));
    const { length } = report.problems.filter(({ repaired }) => repaired === undefined);
    const mended = report.problems.length - length;
    const verdict = report.ok ? 'all sound' : count(length, 'problem');
    terminal.out(
      `${count(report.blobs, 'blob')} (${formatBytes(report.bytes)}) and ${count(report.results, 'result')}${report.values > 0 ? `, scores of ${count(report.values, 'text')}` : ''} checked: ${verdict}${mended > 0 ? `, ${mended} mended` : ''}`,
    );
    if (!report.ok) terminal.note(remedy(report, repair));
  }
  if (!report.ok) exitWith(EXIT.machine);
}

function describe({ kind, path, problem, quarantined, repaired }: Problem, { colors }: Terminal): string {
  const outcome = repaired ?? (quarantined === undefined ? undefined : `moved to ${quarantined}`);
  const paint = repaired === undefined ? colors.red : colors.green;
  return `${paint(kind)}  ${path}: ${problem}${outcome === undefined ? '' : ` (${outcome})`}`;
}

function remedy({ writable, problems }: VerifyReport, repair: boolean): string {
  if (!writable) return 'The store cannot be written to: nothing was set aside.';
  const lost = problems.some(({ quarantined, repaired }) => quarantined !== undefined && repaired === undefined);
  if (!lost) return 'What is left only a person can mend.';
  const told = 'What was damaged is computed anew by the next run that needs it.';
  return repair ? told : `${told} \`sonde store verify --repair\` first makes again what follows from the rest.`;
}

/** `sonde store gc`. */
export async function gc(options: GcOptions): Promise<void> {
  const terminal = openTerminal(options);
  const store = await openStore(storeFolder(options.store));
  const report = await store.care.gc({
    keepRuns: options.keepRuns,
    dryRun: options.dryRun === true,
    onWait({ host, pid, seconds }) {
      terminal.note(
        `waiting up to ${seconds} s to see whether process ${pid} on ${host}, which works in the store, lives`,
      );
    },
    ...(options.olderThan === undefined ? {} : { olderThanDays: options.olderThan }),
  });
  if (options.json) return printJson(terminal, { sonde: 1, ...report });
  const verb = report.dryRun ? 'would remove' : 'removed';
  terminal.out(
    `${verb} ${count(report.results, 'result')} and ${count(report.blobs, 'blob')}: ${formatBytes(report.bytes)}`,
  );
  terminal.out(
    `kept ${count(report.kept.results, 'result')} and ${count(report.kept.blobs, 'blob')}: ${formatBytes(report.kept.bytes)}`,
  );
  if (report.values > 0) terminal.out(`${verb} the scores of ${count(report.values, 'text')}`);
  const { results, blobs } = report.recent;
  if (results + blobs > 0) {
    const period = formatPeriod(report.graceSeconds);
    terminal.out(
      `of these, ${count(results, 'result')} and ${count(blobs, 'blob')} only because they were used within the last ${period}, or by a run that goes on`,
    );
  }
}

/** `sonde store pin`. */
export async function pin(file: string, options: PipelineOptions & { readonly remove?: boolean }): Promise<void> {
  const terminal = openTerminal(options);
  const store = await openStore(storeFolder(options.store));
  const graph = await readGraph(file, options);
  if (options.remove) {
    await store.care.unpin(graph.name);
    if (options.json) return printJson(terminal, { sonde: 1, pipeline: graph.name, pinned: [] });
    return terminal.out(`${graph.name} is pinned no more`);
  }
  const { tasks } = await plan(graph, storeOptions(options));
  const keys = tasks.flatMap(({ state, key }) => (state === 'cached' && key !== undefined ? [key] : []));
  if (keys.length === 0)
    throw new UserError('usage', `${graph.name} has no results to pin yet`, 'sonde run computes them.');
  await store.care.pin(graph.name, keys);
  if (options.json) return printJson(terminal, { sonde: 1, pipeline: graph.name, pinned: keys });
  terminal.out(`${graph.name}: ${count(keys.length, 'result')} pinned`);
}

/** `sonde store path`. */
export async function where(options: CommonOptions): Promise<void> {
  const folder = storeFolder(options.store);
  const terminal = openTerminal(options);
  if (options.json) printJson(terminal, { sonde: 1, dir: folder });
  else terminal.out(folder);
}
