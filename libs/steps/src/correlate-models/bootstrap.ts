import { memo } from '@sonde/base';
import type { InputArtifact } from '@sonde/executor';
import { PREDICTIONS, readRowParts } from '@sonde/formats';
import { type DrawnMetric, type DrawnScore, drawnScore, type LayerCurve } from '@sonde/probing';
import {
  bootstrapCorrelations,
  bootstrapInterval,
  INTERVAL_UNITS,
  leaveGroupsOut,
  pearson,
  type ResampledValues,
  type Resamples,
  resampler,
} from '@sonde/statistics';
import { meanOfKnown } from '../shared/means.ts';
import type { Cell } from './cells.ts';
import type { Config } from './config.ts';
import type { SharedBehavior } from './shared-prompts.ts';
import { keyOf, type Sources, type Subject } from './subjects.ts';
import type { Unit } from './units.ts';

/** An interval of each cell's correlation, and what was resampled for it; null where too little was given. */
export interface CellInterval {
  readonly low: number;
  readonly high: number;
  readonly over: 'prompts' | 'units' | 'prompts and units';
}

/**
 * Intervals by bootstrap: over prompts where predictions are given (the same draw for all units, which read the same
 * prompts), and over units, families as blocks, where these are enough.
 */
export async function bootstrapCells(
  cells: readonly Cell[],
  units: readonly Unit<Subject>[],
  { subjects, shared, predictions }: Sources,
  config: Config,
): Promise<(CellInterval | null)[]> {
  const { seed, level, method, resamples: count } = config.bootstrap;
  const blocks = units.map(({ family, name }) => family ?? name);
  const drawn = new Set(blocks).size;
  const ofUnits = drawn < INTERVAL_UNITS ? undefined : resampler(seed, 'correlate/units', count)(drawn);
  const ofPrompts =
    shared === undefined || predictions === undefined || shared.promptIds.length < INTERVAL_UNITS
      ? undefined
      : await resamplePrompts(subjects, shared, predictions, config);
  if (ofUnits === undefined && ofPrompts === undefined) return cells.map(() => null);
  const over = ofUnits === undefined ? ('prompts' as const) : ofPrompts === undefined ? 'units' : 'prompts and units';
  return cells.map((cell) => {
    const { x, y } = ofPrompts === undefined ? asItIs(cell) : ofPrompts(cell, units);
    const found = bootstrapCorrelations(x, y, { ...(ofUnits && { units: ofUnits }), blocks });
    const interval =
      method === 'bca'
        ? corrected(found, cell, blocks, level)
        : bootstrapInterval(found, 0, { units: ofUnits?.units ?? shared!.promptIds.length, level });
    return interval && { low: interval.low, high: interval.high, over };
  });
}

/** BCa, with each block of units left out in turn; null where that leaves no correlation. */
function corrected(found: Float64Array, { x, y }: Cell, blocks: readonly string[], level: number) {
  const { r } = pearson(x, y);
  const jackknife = leaveGroupsOut(x, y, blocks).map((left) => left.r ?? Number.NaN);
  if (r === null || jackknife.some(Number.isNaN)) return null;
  return bootstrapInterval(found, r, { units: jackknife.length, level, method: 'bca', jackknife });
}

interface Sides {
  readonly x: ResampledValues;
  readonly y: ResampledValues;
}

function asItIs({ x, y }: Cell): Sides {
  return { x: [x.map((value) => value ?? Number.NaN)], y: [y.map((value) => value ?? Number.NaN)] };
}

/** Both sides of any cell in each resample of the prompts that all subjects share. */
async function resamplePrompts(
  subjects: readonly Subject[],
  shared: SharedBehavior,
  predictions: readonly InputArtifact[],
  config: Config,
): Promise<(cell: Cell, units: readonly Unit<Subject>[]) => Sides> {
  const resamples = resampler(
    config.bootstrap.seed,
    'correlate/prompts',
    config.bootstrap.resamples,
  )(shared.promptIds.length);
  const curves = new Map<Subject, ReadonlyMap<string, readonly LayerCurve[]>>();
  const behaviors = new Map<Subject, (attribute: string) => Float64Array>();
  for (const [i, subject] of subjects.entries()) {
    curves.set(subject, await resampledCurves(predictions[i]!, shared.promptIds, resamples, config.probe_metric));
    const known = new Map<string, Float64Array>();
    behaviors.set(subject, (attribute) => {
      const values = known.get(attribute) ?? resampledMeans(shared.values(i, attribute), resamples);
      known.set(attribute, values);
      return values;
    });
  }
  return ({ probed, place }, units) => {
    const sides = Array.from({ length: resamples.count }, (_, b) =>
      units.map(({ members }) => {
        const both = members.flatMap((member) => {
          const curve = curves.get(member)!.get(keyOf(probed))?.[b];
          const x = curve && place.read(curve);
          const y = behaviors.get(member)!(probed.attribute)[b]!;
          return x === undefined || Number.isNaN(y) ? [] : [{ x, y }];
        });
        return { x: meanOfKnown(both.map(({ x }) => x)), y: meanOfKnown(both.map(({ y }) => y)) };
      }),
    );
    return {
      x: sides.map((row) => row.map(({ x }) => x ?? Number.NaN)),
      y: sides.map((row) => row.map(({ y }) => y ?? Number.NaN)),
    };
  };
}

/** The mean of the drawn prompts that have a value: [B]. */
function resampledMeans(values: Float64Array, { units, count, indices }: Resamples): Float64Array {
  return Float64Array.from({ length: count }, (_, b) => {
    let [sum, known] = [0, 0];
    for (let i = b * units; i < (b + 1) * units; i++) {
      const value = values[indices[i]!]!;
      if (Number.isNaN(value)) continue;
      sum += value;
      known++;
    }
    return sum / known;
  });
}

/** The mean over folds of the held-out score at each layer, in each resample: by the key of what was probed. */
async function resampledCurves(
  source: InputArtifact,
  promptIds: readonly string[],
  resamples: Resamples,
  metric: DrawnMetric,
): Promise<Map<string, LayerCurve[]>> {
  const curves = new Map<string, Map<number, number>[]>();
  for (const [key, layers] of await readHeldOut(source, promptIds, metric)) {
    const own = Array.from({ length: resamples.count }, () => new Map<number, number>());
    for (const [layer, seeds] of [...layers].sort(([a], [b]) => a - b)) {
      for (let b = 0; b < resamples.count; b++) {
        const draw = resamples.indices.subarray(b * resamples.units, (b + 1) * resamples.units);
        const score = meanOfKnown(seeds.map((seed) => seed.scoreOf(draw)));
        if (score !== null) own[b]!.set(layer, score);
      }
    }
    curves.set(key, own);
  }
  return curves;
}

/** By the key of what was probed, layer and seed. */
async function readHeldOut(
  source: InputArtifact,
  promptIds: readonly string[],
  metric: DrawnMetric,
): Promise<Map<string, Map<number, DrawnScore[]>>> {
  const index = new Map(promptIds.map((id, p) => [id, p]));
  const found = new Map<string, Map<number, Map<number | null, DrawnScore>>>();
  const parts = readRowParts(source.path, PREDICTIONS, { what: source.ref ?? 'the predictions' });
  for await (const rows of parts) {
    for (const { prompt_id, scenario, target, layer, seed, fold, truth, prediction } of rows) {
      const p = index.get(prompt_id);
      if (p === undefined) continue;
      const layers = memo(found, keyOf({ scenario, attribute: target }), () => new Map());
      const seeds = memo(layers, layer, () => new Map());
      memo(seeds, seed, () => drawnScore(metric, promptIds.length)).add(p, fold, truth, prediction);
    }
  }
  return new Map(
    [...found].map(([key, layers]) => [
      key,
      new Map([...layers].map(([layer, seeds]) => [layer, [...seeds.values()]])),
    ]),
  );
}
