import { type Gemm, matrix } from '../algebra/gemm.ts';
import { chunks, gather, type Problem } from '../rows.ts';

/** Linear maps from a shifted state to shifted targets, one for each of `columns`. */
export interface LinearMaps {
  readonly columns: readonly number[];
  /** [d, columns.length] */
  readonly weights: Float64Array;
  /** [columns.length] */
  readonly intercepts: Float64Array;
}

/** The maps of the columns at some places, which ascend. */
export function mapsAt(maps: LinearMaps, places: readonly number[]): LinearMaps {
  const [width, count] = [maps.columns.length, places.length];
  if (count === width) return maps;
  const d = maps.weights.length / width;
  const weights = new Float64Array(d * count);
  for (let j = 0, at = 0; j < d; j++) {
    for (let t = 0; t < count; t++, at++) weights[at] = maps.weights[j * width + places[t]!]!;
  }
  return {
    columns: places.map((place) => maps.columns[place]!),
    weights,
    intercepts: Float64Array.from(places, (place) => maps.intercepts[place]!),
  };
}

/** Places from, from + 1, … to − 1. */
export function placesBetween(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

/** Predictions of shifted targets for some rows: [rows, maps.columns.length]. */
export async function predictLinear(
  gemm: Gemm,
  problem: Pick<Problem, 'states' | 'shift'>,
  maps: LinearMaps,
  rows: Int32Array,
): Promise<Float64Array> {
  const { d } = problem.states;
  const width = maps.columns.length;
  const out = new Float64Array(rows.length * width);
  let at = 0;
  for (const chunk of chunks(rows)) {
    const x = matrix(gather(problem, chunk), chunk.length, d);
    const product = await gemm.multiply('nn', x, matrix(maps.weights, d, width));
    for (let i = 0; i < product.length; i++, at++) out[at] = product[i]! + maps.intercepts[i % width]!;
  }
  return out;
}
