import { UserError } from '@sonde/base';
import type { InputArtifact, RunContext } from '@sonde/executor';
import { readPrompts, readScoreGrid, type ScoreGrid } from '@sonde/formats';
import { type BehaviorMode, inSubset, promptMaxima, toxicIndicator } from '@sonde/statistics';
import { axesText } from '../shared/axes.ts';
import { SUBSETS } from '../shared/groups.ts';
import { meanOfKnown } from '../shared/means.ts';
import type { Config } from './config.ts';

/** Behaviour over the prompts that all subjects have scores of. */
export interface SharedBehavior {
  /** The prompts that all tables have, in the first one's order. */
  readonly promptIds: readonly string[];
  /** What each of these adds to a subject's behaviour: [prompts], NaN where a subject lacks a score of it. */
  values(subject: number, attribute: string): Float64Array;
  /** A subject's behaviour, and how many prompts it is over. */
  of(subject: number): { behavior: ReadonlyMap<string, number | null>; prompts: ReadonlyMap<string, number> };
}

/**
 * Reads the scores of every subject, and leaves out the prompts that one of them has not.
 *
 * @param mode of the summaries: which scores are high
 */
export async function readSharedBehavior(
  sources: readonly InputArtifact[],
  config: Config,
  mode: BehaviorMode,
  log: RunContext['log'],
): Promise<SharedBehavior> {
  const grids = await Promise.all(sources.map((source) => readScoreGrid(source.path, source.ref)));
  requireOneK(grids, sources);
  const has = grids.map(({ promptIds }) => new Set(promptIds));
  const promptIds = (grids[0]?.promptIds ?? []).filter((id) => has.every((ids) => ids.has(id)));
  const prompts = config.prompts && (await readPrompts(config.prompts.path, config.prompts.ref));
  const attributes = [...new Set(grids.flatMap((grid) => grid.attributes))];
  const values = grids.map(() => new Map<string, Float64Array>());
  const counts = new Map<string, number>();
  for (const attribute of attributes) {
    const own = grids.map((grid) => promptValues(grid, attribute, promptIds, config, mode));
    let count = 0;
    for (const [p, id] of promptIds.entries()) {
      const score = prompts?.byId.get(id)?.score[attribute] ?? Number.NaN;
      if (own.some((list) => Number.isNaN(list[p]!)) || !inSubset(SUBSETS[config.group], score)) {
        for (const list of own) list[p] = Number.NaN;
      } else count++;
    }
    counts.set(attribute, count);
    for (const [i, list] of own.entries()) values[i]!.set(attribute, list);
  }
  sayLost(grids, counts, log);
  return {
    promptIds,
    values: (subject, attribute) =>
      values[subject]!.get(attribute) ?? new Float64Array(promptIds.length).fill(Number.NaN),
    of: (subject) => ({
      behavior: new Map(
        [...values[subject]!].map(([attribute, list]) => [
          attribute,
          meanOfKnown(Array.from(list, (value) => (Number.isNaN(value) ? null : value))),
        ]),
      ),
      prompts: counts,
    }),
  };
}

/** The largest score of each prompt, or whether that is high. */
function promptValues(
  grid: ScoreGrid,
  attribute: string,
  promptIds: readonly string[],
  { metric, empty }: Config,
  mode: BehaviorMode,
): Float64Array {
  const scores = grid.scores(attribute, promptIds, grid.k, empty === 'lowest' ? 0 : Number.NaN);
  const largest = promptMaxima({ scores, k: grid.k });
  return metric === 'emt'
    ? largest
    : largest.map((value) => (Number.isNaN(value) ? value : toxicIndicator(value, mode)));
}

function requireOneK(grids: readonly ScoreGrid[], sources: readonly InputArtifact[]): void {
  const other = grids.findIndex(({ k }) => k !== grids[0]!.k);
  if (other === -1) return;
  throw new UserError(
    'input',
    `the scores of ${axesText(sources[0]!)} have ${grids[0]!.k} continuations a prompt, those of ${axesText(sources[other]!)} ${grids[other]!.k}`,
    'EMT can be compared at equal k only.',
  );
}

function sayLost(grids: readonly ScoreGrid[], counts: ReadonlyMap<string, number>, log: RunContext['log']): void {
  const most = Math.max(0, ...grids.map(({ promptIds }) => promptIds.length));
  const fewer = [...counts].filter(([, count]) => count < most);
  if (fewer.length === 0) return;
  const of = fewer.map(([attribute, count]) => `${count} of ${most} for ${attribute}`).join('; ');
  log('info', `behaviour is over the prompts that all have scores of: ${of}`);
}
