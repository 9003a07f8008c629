import { INTERVAL_UNITS } from '@sonde/numerics';
import { rankGroups } from './folds.ts';
import {
  correlation,
  type GroupResamples,
  type HeldOutPredictions,
  meanOverFolds,
  SUMS,
  sumsOfGroups,
} from './intervals.ts';
import type { Score } from './pairs.ts';

/** A probe's score with what it needs to be compared. Differences and means of samples over the same groups are samples. */
export interface ProbeSample {
  /** Mean over folds of Pearson's correlation. */
  readonly score: Score;
  /** The same in each resample of the groups: [B], NaN where it is undefined; empty where there are too few groups. */
  readonly resampled: Float64Array;
  /** What each group adds to the score: its jackknife pseudo-value, all shifted alike so that their mean is the score: [groups]. */
  readonly contributions: Float64Array;
  /** The same by the score's derivative to each group's weight (its empirical influence), shifted alike: [groups]. */
  readonly influences: Float64Array;
}

/**
 * What each group adds to the score, for a test that flips its signs: the mean of pseudo-value and influence. Where folds
 * are small the first spread too widely, so that too little is found, and the second too narrowly (Efron and Stein 1981);
 * together they keep the level.
 */
export function sharesOf({ contributions, influences }: ProbeSample): Float64Array {
  return contributions.map((own, i) => (own + influences[i]!) / 2);
}

/** The groups that all of some predictions have, and each one's sample over these. */
export interface ProbeSamples {
  readonly groups: readonly string[];
  readonly samples: readonly ProbeSample[];
}

/**
 * Scores probes on the groups (prompts) that all of them have. Each resample draws the same groups for all, so that what
 * they share does not widen the interval of a difference. Probes are not fitted anew. A group that was held out several
 * times (by several seeds) is still one.
 *
 * Sources: Miller, "The jackknife: a review", Biometrika 61(1), 1974; Efron and Stein, "The jackknife estimate of
 * variance", The Annals of Statistics 9(3), 1981.
 */
export function sampleProbes(all: readonly HeldOutPredictions[], resamples: GroupResamples): ProbeSamples {
  const probes = all.map(partsOfGroups);
  const [first, ...others] = probes;
  const shared = [...(first?.parts.keys() ?? [])].filter((group) => others.every(({ parts }) => parts.has(group)));
  const groups = rankGroups(shared, 0);
  const drawn = groups.length < INTERVAL_UNITS ? undefined : resamples(groups.length);
  return {
    groups,
    samples: probes.map((probe): ProbeSample => {
      const units = groups.map((group) => probe.parts.get(group)!);
      const byFold = new Float64Array(probe.folds * SUMS);
      const own = scoreOf(units, byFold);
      return {
        score: own,
        resampled: Float64Array.from({ length: drawn?.count ?? 0 }, (_, b) => {
          const draw = drawn!.indices.subarray(b * units.length, (b + 1) * units.length);
          return scoreOf(units, byFold.slice().fill(0), draw).value ?? Number.NaN;
        }),
        contributions: contributionsOf(units, byFold, own.value ?? Number.NaN),
        influences: influencesOf(units, byFold, own.value ?? Number.NaN),
      };
    }),
  };
}

/** Σ weight · sample, over the same groups and resamples; undefined where one of them is. */
export function combineSamples(
  terms: readonly { readonly sample: ProbeSample; readonly weight: number }[],
): ProbeSample {
  const sum = (read: (sample: ProbeSample) => Float64Array): Float64Array =>
    read(terms[0]!.sample).map((_, i) =>
      terms.reduce((total, { sample, weight }) => total + weight * read(sample)[i]!, 0),
    );
  const undefinedOne = terms.find(({ sample }) => sample.score.value === null);
  return {
    score: undefinedOne?.sample.score ?? {
      value: terms.reduce((total, { sample, weight }) => total + weight * sample.score.value!, 0),
    },
    resampled: sum(({ resampled }) => resampled),
    contributions: sum(({ contributions }) => contributions),
    influences: sum(({ influences }) => influences),
  };
}

/** Sums of a group's rows in one fold. */
interface Part {
  readonly fold: number;
  /** [SUMS] */
  readonly sums: Float64Array;
}

interface Parts {
  readonly parts: ReadonlyMap<string, readonly Part[]>;
  readonly folds: number;
}

/** Sums of each group's rows by fold. */
function partsOfGroups(held: HeldOutPredictions): Parts {
  const { names, sums, foldOf, folds } = sumsOfGroups({
    ...held,
    groups: held.groups.map((group, row) => JSON.stringify([group, held.folds[row]])),
  });
  const parts = new Map<string, Part[]>();
  for (const [i, name] of names.entries()) {
    const [group] = JSON.parse(name) as [string];
    const part = { fold: foldOf[i]!, sums: sums.subarray(i * SUMS, (i + 1) * SUMS) };
    parts.set(
      group,
      [...(parts.get(group) ?? []), part].sort((a, b) => a.fold - b.fold),
    );
  }
  return { parts, folds };
}

/** The score over groups, or over those drawn; `byFold` [folds · SUMS] is given zero and then holds what was summed. */
function scoreOf(units: readonly (readonly Part[])[], byFold: Float64Array, drawn?: Uint32Array): Score {
  for (let i = 0; i < units.length; i++) {
    for (const { fold, sums } of units[drawn?.[i] ?? i]!) {
      const at = fold * SUMS;
      for (let s = 0; s < SUMS; s++) byFold[at + s] = byFold[at + s]! + sums[s]!;
    }
  }
  return meanOverFolds(byFold);
}

function contributionsOf(units: readonly (readonly Part[])[], byFold: Float64Array, score: number): Float64Array {
  const folds = Array.from({ length: byFold.length / SUMS }, (_, fold) =>
    byFold.subarray(fold * SUMS, (fold + 1) * SUMS),
  );
  const scores = folds.map((sums) => correlation(sums).value);
  const defined = scores.filter((value) => value !== null).length;
  const changes = Float64Array.from(units, (parts) => {
    let without = 0;
    for (const { fold, sums } of parts) {
      const rest = correlation(folds[fold]!.map((value, s) => value - sums[s]!)).value;
      // Where a fold has no score without the group, the group is not made to answer for that.
      if (rest !== null && scores[fold] !== null) without += (rest - scores[fold]!) / defined;
    }
    return without;
  });
  const mean = changes.reduce((sum, change) => sum + change / units.length, 0);
  return changes.map((change) => score - (units.length - 1) * (change - mean));
}

function influencesOf(units: readonly (readonly Part[])[], byFold: Float64Array, score: number): Float64Array {
  const folds = Array.from({ length: byFold.length / SUMS }, (_, fold) =>
    influenceIn(byFold.subarray(fold * SUMS, (fold + 1) * SUMS)),
  );
  const defined = folds.filter((influence) => influence !== null).length;
  return Float64Array.from(units, (parts) =>
    parts.reduce((sum, { fold, sums }) => sum + ((folds[fold]?.(sums) ?? 0) * units.length) / defined, score),
  );
}

/** A fold's correlation by the weight of some of its rows, of which the sums are given; null where it has none. */
function influenceIn(fold: Float64Array): ((sums: Float64Array) => number) | null {
  const { value: r } = correlation(fold);
  if (r === null) return null;
  const [n, x, y, xx, yy] = fold as unknown as [number, number, number, number, number];
  const [meanX, meanY] = [x / n, y / n];
  const [varX, varY] = [xx / n - meanX ** 2, yy / n - meanY ** 2];
  return (sums) => {
    const [count, sx, sy, sxx, syy, sxy] = sums as unknown as [number, number, number, number, number, number];
    const squaresX = (sxx - 2 * meanX * sx + count * meanX ** 2) / varX;
    const squaresY = (syy - 2 * meanY * sy + count * meanY ** 2) / varY;
    const products = (sxy - meanX * sy - meanY * sx + count * meanX * meanY) / Math.sqrt(varX * varY);
    return (products - (r * (squaresX + squaresY)) / 2) / n;
  };
}
