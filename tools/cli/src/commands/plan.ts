import type { Plan } from '@sonde/executor';
import { estimate, plan as planPipeline } from '../api.ts';
import { EXIT } from '../errors.ts';
import { estimateJson, estimateLines } from '../estimate.ts';
import { shortKey } from '../format.ts';
import { plannedJson, reasonText } from '../lines.ts';
import { type PipelineOptions, readGraph, storeOptions } from '../pipeline.ts';
import { alignColumns, exitWith, openTerminal, printJson } from '../terminal.ts';

interface PlanCommandOptions extends PipelineOptions {
  readonly exitCode?: boolean;
  readonly estimate?: boolean;
  readonly jobs?: number;
}

/** `sonde plan`. */
export async function plan(file: string, steps: readonly string[], options: PlanCommandOptions): Promise<void> {
  const terminal = openTerminal(options);
  const graph = await readGraph(file, options);
  const common = { ...storeOptions(options, steps), origin: file };
  if (options.estimate) {
    const estimated = await estimate(graph, {
      ...common,
      ...(options.jobs === undefined ? {} : { jobs: options.jobs }),
    });
    if (options.json) printJson(terminal, { sonde: 1, pipeline: graph.name, ...estimateJson(estimated) });
    else for (const line of estimateLines(estimated, terminal)) terminal.out(line);
    endWith(estimated, options);
    return;
  }
  const plan = await planPipeline(graph, common);
  const { tasks, summary } = plan;
  if (options.json) {
    printJson(terminal, { sonde: 1, pipeline: graph.name, tasks: tasks.map(plannedJson), summary });
  } else {
    const { dim, green, yellow } = terminal.colors;
    const paint = { cached: dim, run: green, unknown: yellow };
    const shown = terminal.verbose ? tasks : tasks.filter(({ state }) => state !== 'cached');
    const lines = alignColumns(
      shown.map(({ task, key, state, reason }) => [
        paint[state](state),
        task,
        dim(key ? shortKey(key) : ''),
        dim(reasonText(reason)),
      ]),
    );
    for (const line of lines) terminal.out(line);
    const elsewhere = tasks.filter(({ record }) => record?.notes?.remote !== undefined).length;
    const counts = [
      `${summary.run} to run`,
      ...(summary.unknown > 0 ? [`${summary.unknown} that may have to (their inputs are not known yet)`] : []),
      `${summary.cached} cached${elsewhere > 0 ? `, ${elsewhere} of them in another store` : ''}`,
    ];
    terminal.out(`${lines.length > 0 ? '\n' : ''}${counts.join(', ')}`);
  }
  endWith(plan, options);
}

function endWith({ summary }: Plan, { exitCode }: PlanCommandOptions): void {
  if (exitCode && summary.run + summary.unknown > 0) exitWith(EXIT.work);
}
