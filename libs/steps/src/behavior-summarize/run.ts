import { UserError } from '@sonde/base';
import type { RunContext } from '@sonde/executor';
import { readPrompts, readScoreGrid, SUMMARY, writeRows } from '@sonde/formats';
import { sayScorers } from '../shared/one-scorer.ts';
import { sayTrainedOn } from '../shared/training-data.ts';
import { changeRows } from './change.ts';
import type { Config } from './config.ts';
import { matched } from './matched.ts';
import { scoreRows } from './score-rows.ts';
import { readContinuations, textRows } from './text.ts';

/** `behavior/summarize`. */
export async function run({ config, output, log }: RunContext<Config>): Promise<void> {
  const grid = await readScoreGrid(config.scores.path, config.scores.ref, config.continuations !== undefined);
  if (grid.promptIds.length === 0) throw new UserError('input', 'there are no scores to summarise');
  const prompts = config.prompts && (await readPrompts(config.prompts.path, config.prompts.ref));
  if (config.prompts) await sayTrainedOn(grid.scorers, config.prompts, log);
  if (prompts) sayScorers(prompts.scorers, grid.scorers, config.strict === true, log);
  const continuations = await readContinuations(config, log);
  const summarised = matched(config, grid, prompts, continuations, log);
  const summary = [
    ...scoreRows(config, grid, summarised, prompts),
    ...(await changeRows(config, grid, summarised, prompts, log)),
    ...(await textRows(config, summarised, continuations)),
  ];
  const undefinedRows = summary.filter(({ value, group }) => value === null && group === 'all');
  for (const { attribute, metric, reason } of undefinedRows)
    log('warning', `${metric} of ${attribute ?? 'the text'} is undefined: ${reason}`);
  await writeRows(output('summary'), SUMMARY, summary);
}
