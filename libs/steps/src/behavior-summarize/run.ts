import { UserError } from '@sonde/base';
import type { RunContext } from '@sonde/executor';
import {
  CONTINUATIONS,
  chooseAttributes,
  type Group,
  LOSSES,
  type RowOf,
  readPrompts,
  readRows,
  readScoreGrid,
  type ScoreGrid,
  SUMMARY,
  scorerMismatch,
  writeRows,
} from '@sonde/formats';
import {
  distinctNgrams,
  type Estimate,
  emtChange,
  type IntervalOptions,
  logprobPerToken,
  meanLength,
  type PromptSubset,
  perplexity,
  resampler,
  summarizeBehavior,
} from '@sonde/statistics';
import type { Config } from './kind.ts';

type SummaryRow = RowOf<typeof SUMMARY>;

/** A row's value with its interval, and why it is null. */
const estimated = (estimate: Estimate<string>): Pick<SummaryRow, 'value' | 'low' | 'high' | 'reason'> => ({
  value: estimate.value,
  low: estimate.low,
  high: estimate.high,
  reason: estimate.value === null ? estimate.reason : null,
});

const GROUPS: Readonly<Record<PromptSubset, Group>> = {
  all: 'all',
  prompt_score_at_least_half: 'toxic',
  prompt_score_below_half: 'nontoxic',
};

/** EMT, toxicity probability and mean score of each attribute, by prompts' own scores where these are known. */
async function toxicityRows(config: Config, grid: ScoreGrid, log: RunContext['log']): Promise<SummaryRow[]> {
  const prompts = config.prompts && (await readPrompts(config.prompts.path, config.prompts.ref));
  const warning = prompts && scorerMismatch(prompts.scorers, grid.scorers);
  if (warning !== undefined) log('warning', warning);
  const { mode } = config;
  const { k } = grid;
  const interval = intervals(config, 'prompts');
  return chooseAttributes(grid.attributes, config.attributes, 'the scores').flatMap((attribute) => {
    const promptScores = grid.promptIds.map((id) => prompts?.byId.get(id)?.score[attribute] ?? null);
    const summaries = summarizeBehavior({ scores: grid.scores(attribute), k }, promptScores, mode, interval);
    return summaries
      .filter(({ subset }) => subset === 'all' || prompts !== undefined)
      .flatMap((summary): SummaryRow[] => {
        const shared = {
          attribute,
          group: GROUPS[summary.subset],
          k,
          prompts: summary.prompts,
          scored: summary.prompts_fully_scored,
          missing: summary.missing_share,
          mode,
        };
        return [
          { ...shared, metric: 'emt', ...estimated(summary.expected_maximum_toxicity) },
          { ...shared, metric: 'toxicity_probability', ...estimated(summary.toxicity_probability) },
          { ...shared, metric: 'mean_score', ...estimated(summary.mean_score) },
        ];
      });
  });
}

/** The change of EMT against a reference. */
async function changeRows(config: Config, grid: ScoreGrid): Promise<SummaryRow[]> {
  if (config.reference === undefined) return [];
  const reference = await readScoreGrid(config.reference.path, config.reference.ref);
  const { k, promptIds } = grid;
  if (reference.k !== k) {
    throw new UserError(
      'input',
      `the scores have ${k} continuations a prompt, the reference ${reference.k}`,
      'EMT can be compared at equal k only.',
    );
  }
  const interval = intervals(config, 'prompts');
  return chooseAttributes(grid.attributes, config.attributes, 'the scores').map((attribute) => {
    const after = { scores: grid.scores(attribute), k };
    const before = { scores: reference.scores(attribute, promptIds), k };
    const { prompts: scored, change } = emtChange(after, before, interval);
    return {
      attribute,
      group: 'all',
      metric: 'delta_emt',
      ...estimated(change),
      k,
      prompts: promptIds.length,
      scored,
      missing: null,
      mode: 'default',
    };
  });
}

/** Rows about the text itself, whatever its toxicity: how a change to a model harms it otherwise. */
async function fluencyRows(config: Config, k: number): Promise<SummaryRow[]> {
  const rows: SummaryRow[] = [];
  const add = (metric: string, prompts: number, estimate: Estimate<string>): void => {
    const over = { prompts, scored: prompts, missing: null };
    rows.push({ attribute: null, group: 'all', metric, ...estimated(estimate), k, ...over, mode: 'default' });
  };
  if (config.continuations !== undefined) {
    const continuations = await readRows(config.continuations.path, CONTINUATIONS, {
      columns: ['prompt_id', 'token_ids', 'logprob'],
      what: config.continuations.ref ?? 'the continuations',
    });
    const prompts = new Set(continuations.map(({ prompt_id }) => prompt_id)).size;
    const lists = continuations.map(({ token_ids }) => token_ids);
    for (const n of [1, 2, 3]) add(`distinct_${n}`, prompts, share(distinctNgrams(lists, n).share));
    const texts = continuations.map(({ token_ids, logprob }) => ({ tokens: token_ids.length, logprob }));
    add('tokens', prompts, meanLength(texts));
    add('logprob_per_token', prompts, logprobPerToken(texts));
  }
  if (config.losses !== undefined) {
    const losses = await readRows(config.losses.path, LOSSES, {
      columns: ['tokens', 'nll'],
      what: config.losses.ref ?? 'the losses',
    });
    const found = perplexity(losses, intervals(config, 'losses'));
    add('perplexity', found.texts, found.perplexity);
  }
  return rows;
}

const share = (value: number | null): Estimate<string> =>
  value === null ? { value: null, low: null, high: null, reason: 'no_tokens' } : { value, low: null, high: null };

/** Intervals from resamples that all statistics of the same units share. */
const intervals = ({ bootstrap }: Config, units: 'prompts' | 'losses'): IntervalOptions => ({
  resamples: resampler(bootstrap.seed, units, bootstrap.resamples),
  level: bootstrap.level,
});

/** `behavior/summarize`. */
export async function run({ config, output, log }: RunContext<Config>): Promise<void> {
  const grid = await readScoreGrid(config.scores.path, config.scores.ref);
  if (grid.promptIds.length === 0) throw new UserError('input', 'there are no scores to summarise');
  const summary = [
    ...(await toxicityRows(config, grid, log)),
    ...(await changeRows(config, grid)),
    ...(await fluencyRows(config, grid.k)),
  ];
  const undefinedRows = summary.filter(({ value, group }) => value === null && group === 'all');
  for (const { attribute, metric, reason } of undefinedRows)
    log('warning', `${metric} of ${attribute ?? 'the text'} is undefined: ${reason}`);
  await writeRows(output('summary'), SUMMARY, summary);
}
