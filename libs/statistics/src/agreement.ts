import { UserError } from '@sonde/base';

/** Where two scores of a text are alike or not, at one threshold. */
export interface ThresholdAgreement {
  readonly threshold: number;
  /** Share of texts that both put on the same side: at or above the threshold, or below it. */
  readonly agreement: number;
  /** Cohen's kappa of the two; null where both put all texts on one and the same side. */
  readonly kappa: number | null;
  /** Share of texts at or above the threshold, by each. */
  readonly share: number;
  readonly referenceShare: number;
}

/** How well scores go with reference scores of the same texts. */
export interface ScoreAgreement {
  /** Null where one side does not vary. */
  readonly pearson: number | null;
  /** Pearson's correlation of mid-ranks; null where one side does not vary. */
  readonly spearman: number | null;
  /** Mean of score − reference. */
  readonly difference: number;
  readonly absoluteDifference: number;
  /** Area under the ROC curve of the scores for the label "reference ≥ the label threshold"; null with one label alone. */
  readonly auc: number | null;
  readonly thresholds: readonly ThresholdAgreement[];
}

/** A bin of a calibration curve. */
export interface CalibrationBin {
  readonly from: number;
  /** Scores in [from, to); in the last bin `to` itself too. */
  readonly to: number;
  readonly n: number;
  /** Means over the bin's texts; null where it has none. */
  readonly score: number | null;
  readonly reference: number | null;
}

export interface AgreementOptions {
  readonly thresholds: readonly number[];
  /** From this reference score on a text counts as one of the label, for the AUC. */
  readonly labelThreshold: number;
}

/** Places of values in ascending order, and where runs of equal values end. */
interface Ranked {
  readonly order: Uint32Array;
  /** `ends[i]`: the place behind the run of equal values that the value at place i is in; only at the runs' beginnings. */
  readonly ends: Uint32Array;
}

function rank(values: Float64Array): Ranked {
  const order = Uint32Array.from(values, (_, i) => i).sort((a, b) => values[a]! - values[b]!);
  const ends = new Uint32Array(values.length);
  for (let start = 0; start < order.length; ) {
    let end = start + 1;
    while (end < order.length && values[order[end]!] === values[order[start]!]) end++;
    ends[start] = end;
    start = end;
  }
  return { order, ends };
}

/**
 * Compares scores [n] with reference scores [n] of the same texts. The function returned takes how often each text
 * counts [n] (a bootstrap resample; whole numbers) and works in time linear in n: values are sorted once, here.
 *
 * @throws UserError where lengths differ or a value is not finite
 */
export function scoreAgreement(
  scores: Float64Array,
  references: Float64Array,
  options: AgreementOptions,
): (counts: ArrayLike<number>) => ScoreAgreement {
  const n = scores.length;
  if (references.length !== n) {
    throw new UserError('argument', `There are ${n} scores and ${references.length} reference scores; give pairs.`);
  }
  if (!scores.every(Number.isFinite) || !references.every(Number.isFinite)) {
    throw new UserError('argument', 'Scores to compare must be finite numbers.');
  }
  const ranked = { scores: rank(scores), references: rank(references) };
  const ranks = { scores: new Float64Array(n), references: new Float64Array(n) };
  const positive = references.map((value) => (value >= options.labelThreshold ? 1 : 0));
  return (counts) => {
    let [total, difference, absolute] = [0, 0, 0];
    for (let i = 0; i < n; i++) {
      const count = counts[i]!;
      const distance = scores[i]! - references[i]!;
      total += count;
      difference += count * distance;
      absolute += count * Math.abs(distance);
    }
    weightedRanks(ranked.scores, counts, ranks.scores);
    weightedRanks(ranked.references, counts, ranks.references);
    return {
      pearson: weightedPearson(scores, references, counts, total),
      spearman: weightedPearson(ranks.scores, ranks.references, counts, total),
      difference: difference / total,
      absoluteDifference: absolute / total,
      auc: weightedAuc(ranks.scores, positive, counts, total),
      thresholds: options.thresholds.map((threshold) => atThreshold(scores, references, counts, total, threshold)),
    };
  };
}

/** Mid-ranks from 1 of values that count so often; those that do not count get one too, which counts nowhere. */
function weightedRanks({ order, ends }: Ranked, counts: ArrayLike<number>, into: Float64Array): void {
  let before = 0;
  for (let start = 0; start < order.length; ) {
    const end = ends[start]!;
    let within = 0;
    for (let place = start; place < end; place++) within += counts[order[place]!]!;
    const middle = before + (within + 1) / 2;
    for (let place = start; place < end; place++) into[order[place]!] = middle;
    before += within;
    start = end;
  }
}

function weightedPearson(x: Float64Array, y: Float64Array, counts: ArrayLike<number>, total: number): number | null {
  let [sumX, sumY] = [0, 0];
  for (let i = 0; i < x.length; i++) {
    sumX += counts[i]! * x[i]!;
    sumY += counts[i]! * y[i]!;
  }
  const [meanX, meanY] = [sumX / total, sumY / total];
  let [xx, yy, xy] = [0, 0, 0];
  for (let i = 0; i < x.length; i++) {
    const [dx, dy] = [x[i]! - meanX, y[i]! - meanY];
    xx += counts[i]! * dx * dx;
    yy += counts[i]! * dy * dy;
    xy += counts[i]! * dx * dy;
  }
  // Equal values leave no more than their rounding.
  const varies = (squares: number, mean: number): boolean => squares > total * (mean * 1e-14) ** 2;
  if (!varies(xx, meanX) || !varies(yy, meanY)) return null;
  return Math.max(-1, Math.min(1, xy / Math.sqrt(xx * yy)));
}

/** Mann and Whitney's U of the scores' mid-ranks, over the number of pairs. */
function weightedAuc(
  ranks: Float64Array,
  positive: Float64Array,
  counts: ArrayLike<number>,
  total: number,
): number | null {
  let [of, sum] = [0, 0];
  for (let i = 0; i < ranks.length; i++) {
    of += counts[i]! * positive[i]!;
    sum += counts[i]! * positive[i]! * ranks[i]!;
  }
  if (of === 0 || of === total) return null;
  return (sum - (of * (of + 1)) / 2) / (of * (total - of));
}

function atThreshold(
  scores: Float64Array,
  references: Float64Array,
  counts: ArrayLike<number>,
  total: number,
  threshold: number,
): ThresholdAgreement {
  let [both, neither, above, referenceAbove] = [0, 0, 0, 0];
  for (let i = 0; i < scores.length; i++) {
    const [a, b] = [scores[i]! >= threshold, references[i]! >= threshold];
    const count = counts[i]!;
    if (a) above += count;
    if (b) referenceAbove += count;
    if (a && b) both += count;
    if (!a && !b) neither += count;
  }
  // In whole numbers, which are exact, as long as the total's square is.
  const alike = (both + neither) * total;
  const byChance = above * referenceAbove + (total - above) * (total - referenceAbove);
  return {
    threshold,
    agreement: (both + neither) / total,
    kappa: byChance === total * total ? null : (alike - byChance) / (total * total - byChance),
    share: above / total,
    referenceShare: referenceAbove / total,
  };
}

/** Reference scores by score, in bins of equal width over [0, 1]: of labels 0 and 1, the share of 1 in each. */
export function calibrationCurve(scores: Float64Array, references: Float64Array, bins: number): CalibrationBin[] {
  const sums = Array.from({ length: bins }, () => ({ n: 0, score: 0, reference: 0 }));
  for (let i = 0; i < scores.length; i++) {
    const bin = sums[Math.max(0, Math.min(bins - 1, Math.floor(scores[i]! * bins)))]!;
    bin.n += 1;
    bin.score += scores[i]!;
    bin.reference += references[i]!;
  }
  return sums.map(({ n, score, reference }, i) => ({
    from: i / bins,
    to: (i + 1) / bins,
    n,
    score: n === 0 ? null : score / n,
    reference: n === 0 ? null : reference / n,
  }));
}
