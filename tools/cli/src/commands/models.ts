import os from 'node:os';
import { UserError } from '@sonde/base';
import { bringFolder, createDataSources } from '@sonde/data';
import type { OpenOptions } from '@sonde/engine';
import type { RunEvent } from '@sonde/executor';
import { hubSettings, listRevisions, parseReference } from '@sonde/hub';
import { parseDataRef } from '@sonde/pipeline';
import { FOLDER_READERS } from '@sonde/steps';
import { chooseDevice } from '../devices.ts';
import { EXIT } from '../errors.ts';
import { count, formatBytes, formatSeconds } from '../format.ts';
import { lineOf } from '../lines.ts';
import type { CommonOptions } from '../pipeline.ts';
import { alignColumns, exitWith, openTerminal, printJson, type Terminal } from '../terminal.ts';

type WithoutTime<Event> = Event extends RunEvent ? Omit<Event, 'time'> : never;
type DownloadEvent = Extract<WithoutTime<RunEvent>, { readonly event: 'data.progress' | 'data.retrying' }>;

interface CheckOptions
  extends CommonOptions,
    Pick<OpenOptions, 'adapter' | 'dtype' | 'quantization' | 'compute' | 'layerwiseCasting'> {
  readonly offline?: boolean;
  readonly device?: string;
}

/** Brings what a reference names to this machine, telling of downloads. */
async function bring(
  text: string,
  type: 'model' | 'adapter',
  options: CheckOptions,
  terminal: Terminal,
): ReturnType<typeof bringFolder> {
  const target = parseDataRef(text, process.cwd());
  if ('code' in target) throw new UserError('usage', target.message, target.hint);
  const tell = (event: DownloadEvent) => {
    const line = lineOf({ time: new Date().toISOString(), ...event }, terminal);
    if (line !== undefined && !options.json) terminal.note(line);
  };
  let last = Date.now();
  const sources = createDataSources({ folders: FOLDER_READERS, offline: options.offline === true });
  return bringFolder({ ...target, ref: text, types: [type] }, sources, {
    signal: new AbortController().signal,
    resolved: () => undefined,
    retry: (ref, message, seconds) => tell({ event: 'data.retrying', ref, message, seconds }),
    progress(done, total) {
      if (Date.now() - last < 1000) return;
      last = Date.now();
      tell({ event: 'data.progress', ref: text, done, total });
    },
  });
}

/** `sonde models check`. */
export async function check(ref: string, options: CheckOptions): Promise<void> {
  const terminal = openTerminal(options);
  try {
    const { path: folder, identity } = await bring(ref, 'model', options, terminal);
    const adapter =
      options.adapter === undefined ? undefined : await bring(options.adapter, 'adapter', options, terminal);
    const provider = await chooseDevice(options.device);
    const { checkModel } = await import('@sonde/engine');
    const report = await checkModel(folder, {
      device: provider,
      threads: os.availableParallelism(),
      ...(adapter && { adapter: adapter.path }),
      ...(options.dtype && { dtype: options.dtype }),
      ...(options.quantization && { quantization: options.quantization }),
      ...(options.compute && { compute: options.compute }),
      ...(options.layerwiseCasting && { layerwiseCasting: true }),
    });
    if (options.json) {
      printJson(terminal, {
        sonde: 1,
        ref,
        ok: true,
        folder,
        device: provider,
        ...(identity && { identity }),
        ...report,
      });
      return;
    }
    const { green } = terminal.colors;
    const { tokenizer, selfCheck } = report;
    const sorted = [...report.files].sort((a, b) => b.size - a.size);
    const dtypes = Object.entries(report.dtypes).map(([dtype, n]) => `${dtype} (${n.toLocaleString('en-US')})`);
    const computed = report.compute === null ? null : `computed in ${report.compute}`;
    const cast = report.layerwiseCasting ? 'cast layer by layer' : null;
    const runs = [report.dtype, report.quantization, computed, cast].filter((word) => word !== null).join(', ');
    const rows: [string, string][] = [
      ['model', identity ?? folder],
      ...(adapter === undefined ? [] : ([['adapter', adapter.identity ?? adapter.path]] as [string, string][])),
      ['device', provider],
      ['architecture', `${report.architecture} (supported)`],
      ['parameters', report.parameters.toLocaleString('en-US')],
      ['layers', `${report.layers} blocks, ${report.layers + 1} layers of states of ${report.hiddenSize} numbers`],
      ['vocabulary', report.vocabSize.toLocaleString('en-US')],
      ['context', `${report.context.toLocaleString('en-US')} tokens`],
      ['stored as', dtypes.join(', ')],
      ...(runs === '' ? [] : ([['run as', runs]] as [string, string][])),
      [
        'tokenizer',
        `${tokenizer.type}, ${tokenizer.chatTemplate ? 'with a chat template' : 'no chat template'}, ` +
          (tokenizer.eosTokenIds.length === 0
            ? 'no end-of-text token'
            : `ends at token ${tokenizer.eosTokenIds.join(', ')}`),
      ],
      ['files', `${count(sorted.length, 'file')}, ${formatBytes(report.bytes)}`],
      ...sorted.map(({ name, size }): [string, string] => ['', `${formatBytes(size).padStart(10)}  ${name}`]),
      [
        'self-check',
        `${green('passed')}: ${count(selfCheck.newTokens, 'token')} after ${JSON.stringify(selfCheck.prompt)} ` +
          `(${JSON.stringify(selfCheck.continuation)}), ${count(selfCheck.layers, 'layer')} finite, ${formatSeconds(selfCheck.seconds)}`,
      ],
    ];
    for (const line of alignColumns(rows)) terminal.out(line);
  } catch (error) {
    if (!(error instanceof UserError) || !options.json) throw error;
    const { message, hint } = error;
    printJson(terminal, { sonde: 1, ref, ok: false, problem: { message, ...(hint && { hint }) } });
    exitWith(EXIT.invalid);
  }
}

interface RevisionsOptions extends CommonOptions {
  readonly pattern?: string;
}

/** `*` any characters, `?` one: as in a shell. */
function matcher(pattern: string): RegExp {
  return new RegExp(
    `^${pattern
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.')}$`,
  );
}

/** `sonde models revisions`. */
export async function revisions(ref: string, options: RevisionsOptions): Promise<void> {
  const terminal = openTerminal(options);
  const { repo } = parseReference(ref.replace(/^hf:/, ''));
  const wanted = matcher(options.pattern ?? '*');
  const all = await listRevisions(hubSettings(), repo, {
    onRetry: (message, seconds) => terminal.note(`${ref}: ${message}; again in ${formatSeconds(seconds)}`),
  });
  const found = all.filter(({ name }) => wanted.test(name));
  if (options.json) printJson(terminal, { sonde: 1, ref, revisions: found });
  else for (const { name } of found) terminal.out(name);
  if (found.length === 0) terminal.note(`None of ${count(all.length, 'revision')} matches ${options.pattern}.`);
}
