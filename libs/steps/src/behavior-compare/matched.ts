import { logPerplexity, lossSums, type Measure, valuesOf } from './measures.ts';
import type { Setting } from './observed.ts';

/** Controls by what they cost. */
export interface ControlCurve {
  /** Values of a measure for each prompt, of a control that costs so much; undefined where no control costs as much. */
  at(cost: number, measure: Measure, ids: readonly string[], empty: number): Float64Array | undefined;
}

/**
 * The controls, the untouched reference among them, in the order of their perplexity. Between two of them a prompt's
 * value is interpolated in log perplexity; below the cheapest it is the cheapest's.
 */
export function controlCurve(settings: readonly Setting[], ids: readonly string[]): ControlCurve {
  const points = settings
    .flatMap(({ runs }) => {
      const cost = logPerplexity(lossSums(runs, ids));
      return cost === null ? [] : [{ runs, cost }];
    })
    .sort((a, b) => a.cost - b.cost);
  return {
    at(cost, measure, prompts, empty) {
      const above = points.findIndex((point) => point.cost >= cost);
      const upper = points[above];
      if (upper === undefined) return undefined;
      const after = valuesOf(measure, upper.runs, prompts, empty);
      const lower = points[above - 1];
      if (lower === undefined) return after;
      const share = (cost - lower.cost) / (upper.cost - lower.cost);
      return valuesOf(measure, lower.runs, prompts, empty).map((value, p) => value + share * (after[p]! - value));
    },
  };
}
