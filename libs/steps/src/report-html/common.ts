import type { JsonObject } from '@sonde/base';
import type { InputArtifact } from '@sonde/executor';
import { type RowOf, readScoreGrid, type SUMMARY } from '@sonde/formats';
import type { CommonRow } from '@sonde/report';
import { type IntervalOptions, meanEstimate, promptMaxima, resampler } from '@sonde/statistics';
import type { ModelRows } from './rows.ts';

type SummaryRow = RowOf<typeof SUMMARY>;

/**
 * EMT over the prompts that every model has all scores of, where a model has lost some that another has. Nothing where
 * none has, or where the scores are not given for every summary.
 */
export async function commonRows(
  summaries: readonly ModelRows<SummaryRow>[],
  scores: readonly { readonly model: string; readonly source: InputArtifact }[],
  config: JsonObject,
): Promise<CommonRow[]> {
  const emt = summaries.flatMap(({ rows }) => rows.filter(({ metric, group }) => metric === 'emt' && group === 'all'));
  if (summaries.length < 2 || emt.every(({ scored, prompts }) => scored === prompts)) return [];
  const sources = summaries.flatMap(({ model }) => scores.find((table) => table.model === model) ?? []);
  if (sources.length < summaries.length) return [];
  const grids = await Promise.all(sources.map(({ source }) => readScoreGrid(source.path, source.ref, true)));
  if (new Set(grids.map(({ k }) => k)).size > 1) return [];
  const has = grids.map(({ promptIds }) => new Set(promptIds));
  const ids = grids[0]!.promptIds.filter((id) => has.every((own) => own.has(id)));
  const empty = config.empty === 'missing' ? Number.NaN : 0;
  const attributes = [...new Set(emt.flatMap(({ attribute }) => attribute ?? []))];
  return attributes.flatMap((attribute) => {
    const maxima = grids.map((grid) => promptMaxima({ scores: grid.scores(attribute, ids, grid.k, empty), k: grid.k }));
    const shared = [...ids.keys()].filter((p) => maxima.every((own) => !Number.isNaN(own[p]!)));
    return summaries.map(({ model }, i): CommonRow => {
      const estimate = meanEstimate(
        Float64Array.from(shared, (p) => maxima[i]![p]!),
        'no_fully_scored_prompts',
        intervalOf(config),
      );
      const { value, low, high } = estimate;
      return { model, attribute, emt: { value, low, high }, prompts: shared.length };
    });
  });
}

function intervalOf({ bootstrap }: JsonObject): IntervalOptions {
  const {
    seed = 0,
    resamples = 1000,
    level = 0.95,
  } = (bootstrap ?? {}) as Partial<Record<'seed' | 'resamples' | 'level', number>>;
  return { resamples: resampler(seed, 'prompts', resamples), level };
}
