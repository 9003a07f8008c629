import { existsSync } from 'node:fs';
import path from 'node:path';
import { dataProblems } from '@sonde/data';
import { type DataRef, isDataRef, type Value } from '@sonde/pipeline';
import { PROFILE_NAME } from '@sonde/slurm';
import { FOLDER_READERS } from '@sonde/steps';
import { EXIT } from '../errors.ts';
import { count } from '../format.ts';
import { diagnosticJson, type PipelineOptions, printDiagnostics, readGraph } from '../pipeline.ts';
import { exitWith, openTerminal, printJson } from '../terminal.ts';

function* dataRefs(value: Value): Generator<DataRef> {
  if (typeof value !== 'object' || value === null) return;
  if (isDataRef(value)) yield value;
  else for (const item of Object.values(value)) yield* dataRefs(item as Value);
}

/** `sonde check`: the file's diagnostics and those of the Slurm profile beside it, and whether the folders it names hold what they should. */
export async function check(file: string, options: PipelineOptions): Promise<void> {
  const terminal = openTerminal(options);
  const beside = path.join(path.dirname(file), PROFILE_NAME);
  const profile = options.profile ?? (existsSync(beside) ? beside : undefined);
  const graph = await readGraph(file, { ...options, ...(profile === undefined ? {} : { profile }) });
  const refs = graph.tasks.flatMap((task) => [...dataRefs(task.with)]);
  const problems = await dataProblems(refs, { folders: FOLDER_READERS });
  const diagnostics = problems.map(({ ref, problem: { message, hint } }) => ({
    code: 'SND201' as const,
    severity: 'error' as const,
    message,
    ...(hint === undefined ? {} : { hint }),
    range: ref.range,
  }));
  if (options.json)
    printJson(terminal, {
      sonde: 1,
      pipeline: diagnostics.length > 0 ? file : graph.name,
      diagnostics: diagnostics.map(diagnosticJson),
    });
  else printDiagnostics(diagnostics, terminal);
  if (diagnostics.length > 0) exitWith(EXIT.invalid);
  const steps = new Set(graph.tasks.map(({ step }) => step)).size;
  if (!options.json) terminal.out(`${file}: valid, ${count(steps, 'step')}, ${count(graph.tasks.length, 'task')}`);
}
