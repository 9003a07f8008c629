import type { InputArtifact } from '@sonde/executor';
import { PREDICTIONS, readRowParts } from '@sonde/formats';
import type { LayerCurve } from '@sonde/probing';
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
    curves.set(subject, await resampledCurves(predictions[i]!, shared.promptIds, resamples));
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

/** n, Σx, Σy, Σx², Σy², Σxy of a prompt's predictions x and labels y. */
const SUMS = 6;

/** Sums of each prompt's rows, and its fold, for one layer of one target. */
interface PromptSums {
  readonly sums: Float64Array;
  readonly folds: Int32Array;
}

/** The mean over folds of the held-out correlation at each layer, in each resample: by the key of what was probed. */
async function resampledCurves(
  source: InputArtifact,
  promptIds: readonly string[],
  resamples: Resamples,
): Promise<Map<string, LayerCurve[]>> {
  const curves = new Map<string, Map<number, number>[]>();
  for (const [key, layers] of await readSums(source, promptIds)) {
    const own = Array.from({ length: resamples.count }, () => new Map<number, number>());
    for (const [layer, seeds] of [...layers].sort(([a], [b]) => a - b)) {
      for (let b = 0; b < resamples.count; b++) {
        const draw = resamples.indices.subarray(b * resamples.units, (b + 1) * resamples.units);
        const r = meanOfKnown(seeds.map((seed) => heldOutCorrelation(seed, draw)));
        if (r !== null) own[b]!.set(layer, r);
      }
    }
    curves.set(key, own);
  }
  return curves;
}

async function readSums(
  source: InputArtifact,
  promptIds: readonly string[],
): Promise<Map<string, Map<number, PromptSums[]>>> {
  const index = new Map(promptIds.map((id, p) => [id, p]));
  const found = new Map<string, Map<number, Map<number | null, PromptSums>>>();
  const parts = readRowParts(source.path, PREDICTIONS, { what: source.ref ?? 'the predictions' });
  for await (const rows of parts) {
    for (const { prompt_id, scenario, target, layer, seed, fold, truth, prediction } of rows) {
      const p = index.get(prompt_id);
      if (p === undefined) continue;
      const { sums, folds } = sumsOf(found, keyOf({ scenario, attribute: target }), layer, seed, promptIds.length);
      folds[p] = fold;
      const at = p * SUMS;
      const added = [1, prediction, truth, prediction ** 2, truth ** 2, prediction * truth];
      for (let i = 0; i < SUMS; i++) sums[at + i] = sums[at + i]! + added[i]!;
    }
  }
  return new Map(
    [...found].map(([key, layers]) => [
      key,
      new Map([...layers].map(([layer, seeds]) => [layer, [...seeds.values()]])),
    ]),
  );
}

function sumsOf(
  found: Map<string, Map<number, Map<number | null, PromptSums>>>,
  key: string,
  layer: number,
  seed: number | null,
  prompts: number,
): PromptSums {
  const layers = found.get(key) ?? new Map<number, Map<number | null, PromptSums>>();
  found.set(key, layers);
  const seeds = layers.get(layer) ?? new Map<number | null, PromptSums>();
  layers.set(layer, seeds);
  const own = seeds.get(seed) ?? {
    sums: new Float64Array(prompts * SUMS),
    folds: new Int32Array(prompts),
  };
  seeds.set(seed, own);
  return own;
}

/** Pearson's correlation of the drawn prompts' rows within each fold, its mean over the folds that have one. */
function heldOutCorrelation({ sums, folds }: PromptSums, draw: Uint32Array): number | null {
  const byFold: Float64Array[] = [];
  for (const prompt of draw) {
    const fold = folds[prompt]!;
    let all = byFold[fold];
    if (all === undefined) {
      all = new Float64Array(SUMS);
      byFold[fold] = all;
    }
    const at = prompt * SUMS;
    for (let i = 0; i < SUMS; i++) all[i] = all[i]! + sums[at + i]!;
  }
  return meanOfKnown(byFold.map((all) => (all === undefined ? null : correlationOf(all))));
}

function correlationOf(sums: Float64Array): number | null {
  const [n, x, y, xx, yy, xy] = sums as unknown as [number, number, number, number, number, number];
  const [spreadX, spreadY] = [xx - (x * x) / n, yy - (y * y) / n];
  if (!(spreadX > 1e-12 * xx) || !(spreadY > 1e-12 * yy)) return null;
  return (xy - (x * y) / n) / Math.sqrt(spreadX * spreadY);
}
