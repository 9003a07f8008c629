import { UserError } from '@sonde/base';
import { requireInteger } from '@sonde/numerics';
import { openGemm } from '../../algebra/gemm.ts';
import type { Fitted, Learner, OuterSplit } from '../../learner.ts';
import { type Problem, rowsIn } from '../../rows.ts';
import { type Layout, type Net, predictNet } from './net.ts';
import { RECIPE, type Recipe, train } from './train.ts';

export interface MlpOptions {
  /** Units of the hidden layer; 64 by default. */
  readonly hidden?: number;
  /** Seeds the initial weights and the order of rows; 0 by default. */
  readonly seed?: number;
  readonly recipe?: Partial<Recipe>;
  /** Threads of a matrix product; 1 by default. */
  readonly threads?: number;
}

interface MlpProbe extends Fitted {
  readonly nets: readonly { readonly net: Net; readonly layout: Layout }[];
}

const HIDDEN = 64;

/** Columns trained together: each has a net of its own, so that their number bounds memory and changes nothing else. */
const TOGETHER = 8;

/**
 * A network of one hidden layer for each target, by squared error: what a probe reads that need not be linear. States
 * and targets are standardised on the training rows; the first inner fold is held for validation, on which training
 * stops early. Without an inner fold there is no fit.
 */
export async function openMlp(
  problem: Problem,
  splits: readonly OuterSplit[],
  options: MlpOptions,
): Promise<Learner<MlpProbe>> {
  const { hidden = HIDDEN, seed = 0 } = options;
  const recipe = { ...RECIPE, ...options.recipe };
  const gemm = await openGemm(options.threads ?? 1);
  return {
    async fit(split, columns) {
      const { test, inner } = splits[split]!;
      const held = inner.find((each) => rowsIn(problem, each.train) >= 2 && rowsIn(problem, each.test) > 0);
      // A net that is never predicted with is not kept either: it is no linear map.
      if (held === undefined || test.length === 0) return null;
      const nets: MlpProbe['nets'][number][] = [];
      for (let start = 0; start < columns.length; start += TOGETHER) {
        const some = columns.slice(start, start + TOGETHER);
        const layout = { d: problem.states.d, hidden, columns: some };
        nets.push({
          layout,
          net: await train({ gemm, problem, split: held, layout, seed, name: `mlp/${split}`, recipe }),
        });
      }
      return { columns, penalties: null, atEdge: columns.map(() => false), maps: null, nets };
    },
    async predict({ nets }, rows, count) {
      const out = new Float64Array(rows.length * count);
      let first = 0;
      for (const { net, layout } of nets) {
        if (first >= count) break;
        const width = layout.columns.length;
        const kept = Math.min(width, count - first);
        const predicted = await predictNet(gemm, problem, net, layout, rows);
        for (let r = 0; r < rows.length; r++) {
          out.set(predicted.subarray(r * width, r * width + kept), r * count + first);
        }
        first += width;
      }
      return out;
    },
  };
}

/** @throws UserError where an option is out of range */
export function checkMlp({ hidden = HIDDEN, seed = 0, recipe = {}, threads = 1 }: MlpOptions, folds: number): void {
  requireInteger('threads', threads, 1);
  requireInteger('hidden', hidden, 1);
  requireInteger('seed', seed, 0);
  const { epochs, batch, patience } = { ...RECIPE, ...recipe };
  for (const [name, value] of Object.entries({ epochs, batch, patience })) requireInteger(name, value, 1);
  if (folds < 3) {
    throw new UserError('argument', `A network stops on an inner fold, which needs at least 3 folds, not ${folds}.`);
  }
}
