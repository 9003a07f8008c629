import { UserError } from '@sonde/base';
import type { RunContext } from '@sonde/executor';
import {
  CONTINUATIONS,
  chooseAttributes,
  type Group,
  LOSSES,
  type Prompts,
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
import { matchIds, pairId, sayMatch } from '../shared/matching.ts';
import type { Config } from './kind.ts';

type SummaryRow = RowOf<typeof SUMMARY>;

type Continuation = Pick<RowOf<typeof CONTINUATIONS>, 'prompt_id' | 'sample' | 'token_ids' | 'logprob'>;

/** The continuations that are summarised, whether they have scores or not. */
interface Summarised {
  readonly promptIds: readonly string[];
  /** Continuations a prompt. */
  readonly k: number;
  /** Rows of the scores that are of none of them; null where no other table knows them. */
  readonly unmatched: number | null;
}

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
function toxicityRows(
  config: Config,
  grid: ScoreGrid,
  { promptIds, k, unmatched }: Summarised,
  prompts: Prompts | undefined,
): SummaryRow[] {
  const { mode } = config;
  const interval = intervals(config, 'prompts');
  return chooseAttributes(grid.attributes, config.attributes, 'the scores').flatMap((attribute) => {
    const promptScores = promptIds.map((id) => prompts?.byId.get(id)?.score[attribute] ?? null);
    const summaries = summarizeBehavior(
      { scores: grid.scores(attribute, promptIds, k), k },
      promptScores,
      mode,
      interval,
    );
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
          unmatched,
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
async function changeRows(
  config: Config,
  grid: ScoreGrid,
  { promptIds, k }: Summarised,
  log: RunContext['log'],
): Promise<SummaryRow[]> {
  if (config.reference === undefined) return [];
  const reference = await readScoreGrid(config.reference.path, config.reference.ref);
  if (reference.k !== k) {
    throw new UserError(
      'input',
      `the scores have ${k} continuations a prompt, the reference ${reference.k}`,
      'EMT can be compared at equal k only.',
    );
  }
  const match = matchIds(
    { what: 'prompts', ids: promptIds },
    { what: 'prompts of the reference', ids: reference.promptIds },
  );
  sayMatch(match, config.unmatched, log, { mayBeMore: true });
  const interval = intervals(config, 'prompts');
  return chooseAttributes(grid.attributes, config.attributes, 'the scores').map((attribute) => {
    const after = { scores: grid.scores(attribute, promptIds, k), k };
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
      unmatched: null,
      mode: 'default',
    };
  });
}

/** Rows about the text itself, whatever its toxicity: how a change to a model harms it otherwise. */
async function fluencyRows(
  config: Config,
  k: number,
  continuations: readonly Continuation[] | undefined,
): Promise<SummaryRow[]> {
  const rows: SummaryRow[] = [];
  const add = (metric: string, prompts: number, estimate: Estimate<string>): void => {
    const over = { prompts, scored: prompts, missing: null, unmatched: null };
    rows.push({ attribute: null, group: 'all', metric, ...estimated(estimate), k, ...over, mode: 'default' });
  };
  if (continuations !== undefined) {
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
  const prompts = config.prompts && (await readPrompts(config.prompts.path, config.prompts.ref));
  const warning = prompts && scorerMismatch(prompts.scorers, grid.scorers);
  if (warning !== undefined) log('warning', warning);
  const continuations = await readContinuations(config);
  const summarised = matched(config, grid, prompts, continuations, log);
  const summary = [
    ...toxicityRows(config, grid, summarised, prompts),
    ...(await changeRows(config, grid, summarised, log)),
    ...(await fluencyRows(config, summarised.k, continuations)),
  ];
  const undefinedRows = summary.filter(({ value, group }) => value === null && group === 'all');
  for (const { attribute, metric, reason } of undefinedRows)
    log('warning', `${metric} of ${attribute ?? 'the text'} is undefined: ${reason}`);
  await writeRows(output('summary'), SUMMARY, summary);
}

async function readContinuations({ continuations }: Config): Promise<readonly Continuation[] | undefined> {
  if (continuations === undefined) return undefined;
  return readRows(continuations.path, CONTINUATIONS, {
    columns: ['prompt_id', 'sample', 'token_ids', 'logprob'],
    what: continuations.ref ?? 'the continuations',
  });
}

/** Holds the scores against what was scored: the continuations where these are given, else the prompts. */
function matched(
  config: Config,
  grid: ScoreGrid,
  prompts: Prompts | undefined,
  continuations: readonly Continuation[] | undefined,
  log: RunContext['log'],
): Summarised {
  if (continuations !== undefined) {
    const match = matchIds(
      { what: 'continuations', ids: continuations.map(({ prompt_id, sample }) => pairId(prompt_id, sample)) },
      { what: 'rows of the scores', ids: idsOf(grid) },
    );
    sayMatch(match, config.unmatched, log);
    const promptIds = [...new Set(continuations.map(({ prompt_id }) => prompt_id))];
    const k = continuations.reduce((most, { sample }) => Math.max(most, sample + 1), 0);
    if (prompts !== undefined) {
      const ofPrompts = { what: 'prompts of the continuations', ids: promptIds };
      sayMatch(matchIds(ofPrompts, { what: 'prompts', ids: prompts.byId.keys() }), config.unmatched, log, {
        mayBeMore: true,
      });
    }
    return { promptIds, k, unmatched: match.partners.alone };
  }
  if (prompts === undefined) return { promptIds: grid.promptIds, k: grid.k, unmatched: null };
  const promptIds = [...prompts.byId.keys()];
  sayMatch(
    matchIds({ what: 'prompts', ids: promptIds }, { what: 'prompts of the scores', ids: grid.promptIds }),
    config.unmatched,
    log,
  );
  const known = new Set(grid.promptIds.filter((id) => prompts.byId.has(id)));
  let unmatched = 0;
  for (const { promptId } of grid.pairs()) if (!known.has(promptId)) unmatched++;
  return { promptIds, k: grid.k, unmatched };
}

function* idsOf(grid: ScoreGrid): IterableIterator<string> {
  for (const { promptId, sample } of grid.pairs()) yield pairId(promptId, sample);
}
