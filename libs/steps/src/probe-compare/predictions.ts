import { groupBy, type JsonObject } from '@sonde/base';
import type { InputArtifact } from '@sonde/executor';
import { PREDICTIONS, type RowOf, readRows } from '@sonde/formats';
import type { HeldOutPredictions } from '@sonde/probing';
import type { Config } from './config.ts';

type Prediction = RowOf<typeof PREDICTIONS>;

/** What is compared layer by layer: the probes of one scenario and target. */
export interface Probes extends Pick<Prediction, 'scenario' | 'target'> {
  readonly layers: ReadonlyMap<number, HeldOutPredictions>;
}

/** A setting, or a reference, with its probes by scenario and target. */
export interface Probed {
  readonly axes: JsonObject;
  readonly probes: ReadonlyMap<string, Probes>;
}

export async function readProbed(source: InputArtifact, { scenarios, targets }: Config): Promise<Probed> {
  const rows = await readRows(source.path, PREDICTIONS, { what: source.ref ?? 'the predictions' });
  const wanted = rows.filter(
    ({ scenario, target }) => (scenarios?.includes(scenario) ?? true) && (targets?.includes(target) ?? true),
  );
  const probes = [...groupBy(wanted, ({ scenario, target }) => JSON.stringify([scenario, target]))].map(
    ([key, own]): [string, Probes] => {
      const { scenario, target } = own[0]!;
      const layers = [...groupBy(own, ({ layer }) => layer)].sort(([a], [b]) => a - b);
      return [key, { scenario, target, layers: new Map(layers.map(([layer, of]) => [layer, heldOut(of)])) }];
    },
  );
  return { axes: source.axes, probes: new Map(probes) };
}

/** In `paper` each seed predicts every row: each of its folds is one more that held a prompt out. */
function heldOut(rows: readonly Prediction[]): HeldOutPredictions {
  const seeds = [...new Set(rows.map(({ seed }) => seed))];
  const folds = 1 + rows.reduce((most, { fold }) => Math.max(most, fold), 0);
  return {
    target: Float64Array.from(rows, ({ truth }) => truth),
    predicted: Float64Array.from(rows, ({ prediction }) => prediction),
    groups: rows.map(({ prompt_id }) => prompt_id),
    folds: Int32Array.from(rows, ({ fold, seed }) => seeds.indexOf(seed) * folds + fold),
  };
}
