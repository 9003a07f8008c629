import os from 'node:os';
import { createDataResolver, createDataSources, type DataResolver, dataProblem } from '@sonde/data';
import { isDataRef, loadPipelineText, type Value } from '@sonde/pipeline';
import { openScorer, type Scorer, type ScorerConfig } from '@sonde/scoring';
import { FOLDER_READERS } from '@sonde/steps';
import { openStore } from '@sonde/store';
import { readTableParts, rows } from '@sonde/tables';
import { allKinds, storeFolder } from './api.ts';
import { chooseDevice } from './devices.ts';
import { EXIT } from './errors.ts';
import { formatBytes } from './format.ts';
import { checkConsent, type ModuleOptions, printDiagnostics } from './pipeline.ts';
import { exitWith, type Terminal } from './terminal.ts';

export interface ScorerOptions extends ModuleOptions {
  readonly offline?: boolean;
  readonly device?: string;
}

type Kinds = Awaited<ReturnType<typeof allKinds>>['steps'];

/** Opens what `scorer:` of `text/score` would name; what is wrong with it is said as of a pipeline file. */
export async function openNamedScorer(named: string, options: ScorerOptions, terminal: Terminal): Promise<Scorer> {
  checkConsent(options);
  const { steps, scorers } = await allKinds(options.module);
  const planned = await readConfig(named, steps, terminal);
  const config = await resolved(planned, await resolverOf(options, terminal), terminal);
  const usesDevice = steps.get('text/score')?.usesDevice?.({ scorer: planned }) === true;
  return openScorer(
    config as ScorerConfig,
    {
      device: usesDevice ? await chooseDevice(options.device) : 'cpu',
      threads: os.availableParallelism(),
      log: (_, message) => terminal.note(message),
      async *rows({ path }, columns) {
        for await (const part of readTableParts(path, columns ? { columns } : {})) yield [...rows(part)];
      },
      async columnsOf({ path }) {
        for await (const part of readTableParts(path)) return part.columns.map(({ name }) => name);
        return [];
      },
    },
    scorers,
  );
}

/** Reads the scorer as the config of a step, so that the same is allowed, refused and advised. */
async function readConfig(named: string, kinds: Kinds, terminal: Terminal): Promise<Value> {
  const scorer = named.trimStart().startsWith('{') ? named : JSON.stringify(named);
  const text = `sonde: 1
name: score
steps:
  scores:
    uses: text/score
    with:
      texts: embedded:parlour-prompts
      scorer: ${scorer}
`;
  const loaded = await loadPipelineText(text, 'SCORER', { kinds, cwd: process.cwd(), dataProblem });
  if (loaded.ok) return loaded.graph.tasks[0]!.with.scorer!;
  printDiagnostics(loaded.diagnostics, terminal);
  return exitWith(EXIT.invalid);
}

async function resolverOf(options: ScorerOptions, terminal: Terminal): Promise<DataResolver> {
  const store = await openStore(storeFolder(options.store), { readOnly: true });
  return createDataResolver(
    store,
    createDataSources({ folders: FOLDER_READERS, offline: options.offline === true }),
    options.offline
      ? undefined
      : {
          signal: new AbortController().signal,
          resolved: (ref, commit) => terminal.note(`${ref} is ${commit}`),
          retry: (ref, message, seconds) => terminal.note(`${ref}: ${message}; again in ${seconds} s`),
        },
  );
}

/** The config with what its references name brought here. */
async function resolved(value: Value, resolve: DataResolver, terminal: Terminal): Promise<unknown> {
  if (Array.isArray(value)) return Promise.all(value.map((item: Value) => resolved(item, resolve, terminal)));
  if (typeof value !== 'object' || value === null) return value;
  if (!isDataRef(value)) {
    const entries = Object.entries(value).map(async ([name, item]) => [name, await resolved(item, resolve, terminal)]);
    return Object.fromEntries(await Promise.all(entries));
  }
  const data = await resolve(value);
  let last = Date.now();
  const path = await data.open({
    signal: new AbortController().signal,
    retry: (message, seconds) => terminal.note(`${value.ref}: ${message}; again in ${seconds} s`),
    progress(done, total) {
      if (Date.now() - last < 1000) return;
      last = Date.now();
      terminal.note(`${value.ref}: ${formatBytes(done)} of ${formatBytes(total)}`);
    },
  });
  return { $: 'artifact', type: data.type, path, digest: data.digest, axes: {}, ref: value.ref };
}
