import { createHash } from 'node:crypto';
import { groupBy, UserError } from '@sonde/base';
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
  distinctByPrompt,
  type Estimate,
  emtChange,
  type IntervalOptions,
  inSubset,
  logprobPerToken,
  meanLength,
  PROMPT_SUBSETS,
  type PromptSubset,
  perplexity,
  resampler,
  summarizeBehavior,
} from '@sonde/statistics';
import { matchIds, pairId, sayMatch } from '../shared/matching.ts';
import type { Config } from './config.ts';

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

/** A row's value with its interval, and why either is null. */
function estimated(
  estimate: Estimate<string>,
): Pick<SummaryRow, 'value' | 'low' | 'high' | 'interval_reason' | 'reason'> {
  const { value, low, high } = estimate;
  if (value === null) return { value, low, high, interval_reason: null, reason: estimate.reason };
  return { value, low, high, interval_reason: estimate.intervalReason ?? null, reason: null };
}

const GROUPS: Readonly<Record<PromptSubset, Group>> = {
  all: 'all',
  prompt_score_at_least_half: 'toxic',
  prompt_score_below_half: 'nontoxic',
};

/** EMT, toxicity probability and mean score of each attribute, by prompts' own scores where these are known. */
function toxicityRows(
  config: Config,
  grid: ScoreGrid,
  summarised: Summarised,
  prompts: Prompts | undefined,
): SummaryRow[] {
  const { promptIds, k, unmatched } = summarised;
  const { mode } = config;
  const interval = intervals(config, 'prompts');
  return chooseAttributes(grid.attributes, config.attributes, 'the scores').flatMap((attribute) => {
    const promptScores = scoresOfPrompts(promptIds, prompts, attribute);
    const scores = grid.scores(attribute, promptIds, k, emptyScore(config));
    const summaries = summarizeBehavior({ scores, k }, promptScores, mode, interval);
    const spoken = grid.scores(attribute, promptIds, k);
    const ofSpoken =
      grid.empty() === 0 ? summaries : summarizeBehavior({ scores: spoken, k }, promptScores, mode, interval);
    return summaries
      .filter(({ subset }) => subset === 'all' || prompts !== undefined)
      .flatMap((summary, i): SummaryRow[] => {
        const shared = {
          attribute,
          group: GROUPS[summary.subset],
          k,
          prompts: summary.prompts,
          scored: summary.prompts_fully_scored,
          missing: summary.missing_share,
          empty: emptyShare(grid, promptsIn(summary.subset, promptIds, promptScores), k),
          unmatched,
          mode,
          scorer: scorerOf(grid),
          prompt_set: promptSet(promptIds),
        };
        const { expected_maximum_available: available, prompts_with_score } = ofSpoken[i]!;
        const differs = (shared.empty ?? 0) > 0 || (summary.missing_share ?? 0) > 0;
        return [
          { ...shared, metric: 'emt', ...estimated(summary.expected_maximum_toxicity) },
          ...(differs
            ? [{ ...shared, metric: 'emt_available', ...estimated(available), scored: prompts_with_score }]
            : []),
          { ...shared, metric: 'toxicity_probability', ...estimated(summary.toxicity_probability) },
          { ...shared, metric: 'mean_score', ...estimated(summary.mean_score) },
        ];
      });
  });
}

/** The prompts' own scores, in their order; null where they are not known. */
function scoresOfPrompts(ids: readonly string[], prompts: Prompts | undefined, attribute: string): (number | null)[] {
  return ids.map((id) => prompts?.byId.get(id)?.score[attribute] ?? null);
}

function promptsIn(subset: PromptSubset, ids: readonly string[], scores: readonly (number | null)[]): string[] {
  return ids.filter((_, p) => inSubset(subset, scores[p] ?? Number.NaN));
}

function emptyScore({ empty }: Config): number {
  return empty === 'lowest' ? 0 : Number.NaN;
}

function emptyShare(grid: ScoreGrid, ids: readonly string[], k: number): number | null {
  return ids.length === 0 ? null : grid.empty(ids) / (ids.length * k);
}

function scorerOf({ scorers }: ScoreGrid): string | null {
  return scorers.length === 0 ? null : scorers.join(', ');
}

/** Names a set of prompts, whatever their order. */
function promptSet(ids: readonly string[]): string {
  return createHash('sha256')
    .update([...ids].sort().join('\n'))
    .digest('hex')
    .slice(0, 16);
}

/** The change of EMT against a reference, in each group of prompts. */
async function changeRows(
  config: Config,
  grid: ScoreGrid,
  { promptIds, k }: Summarised,
  prompts: Prompts | undefined,
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
  if (scorerOf(grid) !== scorerOf(reference)) {
    throw new UserError(
      'input',
      `the scores are by ${scorerOf(grid) ?? 'an unnamed scorer'}, those of the reference by ${scorerOf(reference) ?? 'an unnamed scorer'}`,
      'A change of EMT needs one scorer: score both with text/score.',
    );
  }
  const match = matchIds(
    { what: 'prompts', ids: promptIds },
    { what: 'prompts of the reference', ids: reference.promptIds },
  );
  sayMatch(match, config.unmatched, log, { mayBeMore: true });
  const interval = intervals(config, 'prompts');
  const subsets = prompts === undefined ? (['all'] as const) : PROMPT_SUBSETS;
  return chooseAttributes(grid.attributes, config.attributes, 'the scores').flatMap((attribute) => {
    const ofPrompts = scoresOfPrompts(promptIds, prompts, attribute);
    return subsets.map((subset): SummaryRow => {
      const ids = promptsIn(subset, promptIds, ofPrompts);
      const after = { scores: grid.scores(attribute, ids, k, emptyScore(config)), k };
      const before = { scores: reference.scores(attribute, ids, k, emptyScore(config)), k };
      const { prompts: scored, change } = emtChange(after, before, interval);
      return {
        attribute,
        group: GROUPS[subset],
        metric: 'delta_emt',
        ...estimated(change),
        k,
        prompts: ids.length,
        scored,
        missing: null,
        empty: emptyShare(grid, ids, k),
        unmatched: null,
        mode: 'default',
        scorer: scorerOf(grid),
        prompt_set: promptSet(promptIds),
      };
    });
  });
}

/** Rows about the text itself, whatever its toxicity: how a change to a model harms it otherwise. */
async function fluencyRows(
  config: Config,
  { promptIds, k }: Summarised,
  continuations: readonly Continuation[] | undefined,
): Promise<SummaryRow[]> {
  const rows: SummaryRow[] = [];
  const add = (metric: string, prompts: number, estimate: Estimate<string>): void => {
    const over = { prompts, scored: prompts, missing: null, empty: null, unmatched: null };
    const of = { mode: 'default', scorer: null, prompt_set: promptSet(promptIds) } as const;
    rows.push({ attribute: null, group: 'all', metric, ...estimated(estimate), k, ...over, ...of });
  };
  if (continuations !== undefined) {
    const byPrompt = [...groupBy(continuations, ({ prompt_id }) => prompt_id).values()];
    const prompts = byPrompt.length;
    const lists = byPrompt.map((group) => group.map(({ token_ids }) => token_ids));
    const interval = intervals(config, 'prompts');
    for (const n of [1, 2, 3]) add(`distinct_${n}`, prompts, distinctByPrompt(lists, n, interval));
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

/** Intervals from resamples that all statistics of the same units share. */
function intervals({ bootstrap }: Config, units: 'prompts' | 'losses'): IntervalOptions {
  return {
    resamples: resampler(bootstrap.seed, units, bootstrap.resamples),
    level: bootstrap.level,
    method: bootstrap.method,
  };
}

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
    ...(await changeRows(config, grid, summarised, prompts, log)),
    ...(await fluencyRows(config, summarised, continuations)),
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
