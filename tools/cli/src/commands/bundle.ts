import path from 'node:path';
import {
  bringResults,
  createBundle,
  type Manifest,
  paramsFileIn,
  readBundle,
  requireNew,
  verifyBundle,
  writeFiles,
} from '@sonde/bundles';
import { openStore } from '@sonde/store';
import { plan, sharedStore, storeFolder } from '../api.ts';
import { differenceText, isBundle } from '../bundle-file.ts';
import { count, formatBytes, shellWord } from '../format.ts';
import { type CommonOptions, type PipelineOptions, readGraph, sameStore, storeOptions } from '../pipeline.ts';
import { alignColumns, openTerminal, printJson, type Terminal, visible } from '../terminal.ts';
import { textCheck } from '../text-check.ts';

interface CreateCommandOptions extends PipelineOptions {
  readonly out: string;
  readonly withReport?: boolean;
  readonly withoutText?: boolean;
}

/** `sonde bundle create`. */
export async function create(file: string, steps: readonly string[], options: CreateCommandOptions): Promise<void> {
  const terminal = openTerminal(options);
  const graph = await readGraph(file, options);
  const asked = storeOptions(options, steps);
  const { tasks } = await plan(graph, asked);
  const store = await sharedStore(asked);
  const given = (options.set?.length ?? 0) > 0 || options.params !== undefined || isBundle(file);
  const target = path.resolve(options.out);
  try {
    const manifest = await createBundle(graph, tasks, store, target, {
      params: given ? graph.params : undefined,
      withoutText: options.withoutText === true ? textCheck(graph, store) : undefined,
      withReport: options.withReport === true,
    });
    const bundle = await readBundle(target);
    bundle.close();
    if (options.json) return printJson(terminal, { sonde: 1, bundle: target, bytes: bundle.size, manifest });
    terminal.out(`${options.out}: ${count(manifest.results.length, 'result')}, ${formatBytes(bundle.size)}`);
    tellOfMissing(manifest, terminal);
  } finally {
    await store.close();
  }
}

function tellOfMissing({ needed, left_out }: Manifest, terminal: Terminal): void {
  for (const { ref, why } of needed) terminal.note(visible(`not in it, and needed: ${ref} (${why})`));
  const shown = terminal.verbose ? left_out : left_out.slice(0, 10);
  for (const { task, why } of shown) terminal.note(visible(`left out: ${task} (${why})`));
  if (shown.length < left_out.length) terminal.note(`… and ${left_out.length - shown.length} more`);
}

/** `sonde bundle open`. */
export async function open(file: string, folder: string | undefined, options: CommonOptions): Promise<void> {
  const terminal = openTerminal(options);
  const bundle = await readBundle(file);
  const store = await openStore(storeFolder(options.store));
  try {
    const place = path.resolve(folder ?? path.basename(file, '.sonde'));
    await requireNew(place);
    const { results, different } = await bringResults(bundle, store, { checkAll: true });
    const pipeline = await writeFiles(bundle, place);
    const params = paramsFileIn(bundle, place);
    if (options.json)
      return printJson(terminal, { sonde: 1, folder: place, pipeline, params: params ?? null, results, different });
    terminal.note(
      `${count(results, 'result')} brought into the store, ${bundle.manifest.results.length - results} were there`,
    );
    for (const line of differenceText(different)) terminal.error(line);
    tellOfMissing(bundle.manifest, terminal);
    const shown = path.relative(process.cwd(), pipeline);
    const values = params === undefined ? '' : ` --params ${shellWord(path.relative(process.cwd(), params))}`;
    terminal.note(`sonde run ${shellWord(shown)}${values}${sameStore(options)}`);
    terminal.out(shown);
  } finally {
    bundle.close();
    await store.close();
  }
}

/** `sonde bundle verify`. */
export async function verify(file: string, options: CommonOptions): Promise<void> {
  const terminal = openTerminal(options);
  const bundle = await readBundle(file);
  try {
    const verified = await verifyBundle(bundle);
    if (options.json) return printJson(terminal, { sonde: 1, bundle: path.resolve(file), ...verified });
    const { results, contents, bytes, digest } = verified;
    terminal.out(
      `${count(results, 'result')} and ${count(contents, 'content')} (${formatBytes(bytes)}) checked: all sound`,
    );
    terminal.out(digest);
  } finally {
    bundle.close();
  }
}

/** `sonde bundle list`. */
export async function list(file: string, options: CommonOptions): Promise<void> {
  const terminal = openTerminal(options);
  const bundle = await readBundle(file);
  bundle.close();
  const { manifest, size } = bundle;
  if (options.json) return printJson(terminal, { sonde: 1, bundle: path.resolve(file), bytes: size, manifest });
  const { dim } = terminal.colors;
  const rows = [
    ...manifest.files.map(({ path, role, size }) => [role, path, formatBytes(size)]),
    ...manifest.results.map(({ task, run }) => ['result', visible(task), dim(visible(`run ${run}`))]),
    ...manifest.needed.map(({ ref, why }) => ['needed', visible(ref), dim(visible(why))]),
    ...manifest.left_out.map(({ task, why }) => ['left out', visible(task), dim(visible(why))]),
  ];
  terminal.out(`${visible(manifest.name)}: ${formatBytes(size)}`);
  for (const line of alignColumns(rows)) terminal.out(line);
}
