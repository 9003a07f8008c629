import {
  emtChange,
  expectedMaximumToxicity,
  type IntervalOptions,
  kendall,
  midRanks,
  type ResampleProvider,
  spearman,
} from '@sonde/statistics';
import type { Config } from './config.ts';
import type { MeasureRow } from './measures.ts';
import type { PairedTable } from './pairs.ts';

/** [prompts, k], NaN where there is no score. */
interface Grid {
  readonly k: number;
  readonly prompts: number;
  readonly scores: Float64Array;
  readonly references: Float64Array;
}

/**
 * The scores of a table in a grid of prompts × samples; undefined where it is not of continuations. An empty continuation
 * says nothing: 0, as `behavior/summarize` counts it.
 */
function gridOf({ ids, scores, references, empty }: PairedTable, attribute: string): Grid | undefined {
  const places: { readonly prompt: number; readonly sample: number }[] = [];
  const prompts = new Map<string, number>();
  let k = 0;
  for (const id of ids) {
    const [prompt = '', sample] = id.split('\n');
    if (sample === undefined) return undefined;
    const place = prompts.get(prompt) ?? prompts.size;
    prompts.set(prompt, place);
    places.push({ prompt: place, sample: Number(sample) });
    k = Math.max(k, Number(sample) + 1);
  }
  if (places.length === 0) return undefined;
  const fill = (values: Float64Array, isEmpty: Uint8Array) => {
    const grid = new Float64Array(prompts.size * k).fill(Number.NaN);
    for (const [row, { prompt, sample }] of places.entries()) {
      grid[prompt * k + sample] = isEmpty[row] === 1 ? 0 : values[row]!;
    }
    return grid;
  };
  return {
    k,
    prompts: prompts.size,
    scores: fill(scores.get(attribute)!, empty.scores),
    references: fill(references.get(attribute)!, empty.references),
  };
}

/** EMT of each table by both scorers, its change, ranks of the tables, and how alike the two rankings are. */
export function modelRows(
  tables: readonly PairedTable[],
  attribute: string,
  { bootstrap }: Config,
  resamples: ResampleProvider,
): MeasureRow[] {
  const grids = tables.map((table) => ({ name: table.name, grid: gridOf(table, attribute) }));
  const known = grids.flatMap(({ name, grid }) => (grid === undefined ? [] : [{ name, grid }]));
  if (known.length !== tables.length) return [];
  const interval: IntervalOptions = { resamples, level: bootstrap.level };
  const found = known.map(({ name, grid: { k, prompts, scores, references } }) => {
    const emt = expectedMaximumToxicity({ scores, k }, interval);
    const reference = expectedMaximumToxicity({ scores: references, k }, interval);
    const { prompts: both, change } = emtChange({ scores, k }, { scores: references, k }, interval);
    return { name, emt, reference, change, both, missing: prompts - both };
  });
  const rank = rankOf(found.map(({ emt }) => emt.value));
  const referenceRank = rankOf(found.map(({ reference }) => reference.value));
  const rows = found.flatMap(({ name, emt, reference, change, both, missing }, i): MeasureRow[] => {
    const told = { by: 'table' as const, group: name, threshold: null, n: both, units: both, missing };
    const of = (measure: MeasureRow['measure'], estimate: typeof emt): MeasureRow => ({
      ...told,
      measure,
      value: estimate.value,
      low: estimate.low,
      high: estimate.high,
      reason: estimate.value === null ? estimate.reason : null,
    });
    const ranks: [MeasureRow['measure'], number | null][] = [
      ['rank', rank?.[i] ?? null],
      ['reference_rank', referenceRank?.[i] ?? null],
    ];
    return [
      of('emt', emt),
      of('reference_emt', reference),
      of('emt_difference', change),
      ...(tables.length < 2 ? [] : ranks).map(([measure, value]) => ({
        ...told,
        measure,
        value,
        low: null,
        high: null,
        reason: value === null ? 'no_fully_scored_prompts' : null,
      })),
    ];
  });
  return tables.length < 2 ? rows : [...rows, ...rankingRows(found)];
}

/** Ranks from 1, the highest first; undefined where one has no EMT. */
function rankOf(values: readonly (number | null)[]): Float64Array | undefined {
  return values.some((value) => value === null) ? undefined : midRanks(values.map((value) => -value!));
}

function rankingRows(
  found: readonly {
    readonly emt: { readonly value: number | null };
    readonly reference: { readonly value: number | null };
  }[],
): MeasureRow[] {
  const [a, b] = [found.map(({ emt }) => emt.value), found.map(({ reference }) => reference.value)];
  const [rho, tau] = [spearman(a, b), kendall(a, b)];
  const told = { by: 'all' as const, group: 'all', threshold: null, n: rho.n, units: rho.n, missing: rho.missing };
  const none = { low: null, high: null };
  return [
    { ...told, measure: 'ranking_spearman', value: rho.r, ...none, reason: rho.r === null ? rho.reason : null },
    { ...told, measure: 'ranking_kendall', value: tau.r, ...none, reason: tau.r === null ? tau.reason : null },
  ];
}
