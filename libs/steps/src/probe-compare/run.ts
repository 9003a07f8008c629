import { groupBy, UserError } from '@sonde/base';
import type { RunContext } from '@sonde/executor';
import { PROBE_CHANGES, type RowOf, writeRows } from '@sonde/formats';
import {
  combineSamples,
  type GroupResamples,
  type HeldOutPredictions,
  type ProbeSample,
  sampleProbes,
  sharesOf,
} from '@sonde/probing';
import {
  adjustPValues,
  bootstrapInterval,
  INTERVAL_UNITS,
  leftOut,
  resampler,
  signFlips,
  standardDeviation,
} from '@sonde/statistics';
import { axesText, partnersOf, settingText } from '../shared/axes.ts';
import { divide } from '../shared/baseline.ts';
import { contrastOf } from '../shared/contrast.ts';
import type { Config } from './config.ts';
import { type Probed, type Probes, readProbed } from './predictions.ts';

type Row = RowOf<typeof PROBE_CHANGES>;

/** `probe/compare`. */
export async function run({ config, output, log }: RunContext<Config>): Promise<void> {
  const sources = config.baseline
    ? divide(config.predictions, config.baseline)
    : { settings: config.predictions, references: config.reference ?? [] };
  const [settings, references] = await Promise.all(
    [sources.settings, sources.references].map((all) => Promise.all(all.map((each) => readProbed(each, config)))),
  );
  const resamples = resampler(config.bootstrap.seed, 'prompts', config.bootstrap.resamples);
  const rows = settings!.flatMap((setting) => {
    const reference = referenceOf(setting, references!);
    sayAlone(setting, reference, log);
    const other = config.contrast && contrastOf(setting, settings!, config.contrast);
    return [
      ...compare(config, resamples, setting, reference),
      ...(other ? compare(config, resamples, setting, reference, [other, referenceOf(other, references!)]) : []),
    ];
  });
  await writeRows(output('changes'), PROBE_CHANGES, adjusted(rows));
}

function referenceOf({ axes }: Probed, references: readonly Probed[]): Probed {
  const found = partnersOf({ axes }, references);
  if (found.length === 1) return found[0]!;
  throw new UserError(
    'ids',
    `${axesText({ axes })} has ${found.length} references with equal values on the axes that both have; it needs one`,
    'Collect `reference` over axes that `predictions` has too, or give a single one.',
  );
}

function sayAlone(setting: Probed, reference: Probed, log: RunContext['log']): void {
  const places = ({ probes }: Probed): string[] =>
    [...probes].flatMap(([key, { layers }]) => [...layers.keys()].map((layer) => `${key} ${layer}`));
  const [own, others] = [places(setting), new Set(places(reference))];
  const alone = own.filter((place) => !others.has(place)).length;
  if (alone > 0) log('warning', `${axesText(setting)}: ${alone} of ${own.length} probes have none to compare with`);
}

/** What is compared at one layer, and how each counts: the setting, its reference, and both of the contrast with signs turned. */
const WEIGHTS = [1, -1, -1, 1];

/** A setting against its reference, or its change against that of the contrast: all scenarios and targets, by layer. */
function compare(
  config: Config,
  resamples: GroupResamples,
  setting: Probed,
  reference: Probed,
  contrast: readonly Probed[] = [],
): Row[] {
  const named = {
    comparison: config.name,
    setting: settingText(setting),
    axes: setting.axes,
    against: contrast.length === 0 ? ('reference' as const) : ('contrast' as const),
  };
  return [...setting.probes].flatMap(([key, probes]) => {
    const sides = [probes, ...[reference, ...contrast].map((each) => each.probes.get(key))];
    if (!sides.every((side) => side !== undefined)) return [];
    return rowsOf(sides, resamples, config).map((row) => ({ ...named, ...row }));
  });
}

/** A difference of probes at one place: its sample with both its sides'. */
interface Difference {
  readonly layer: number | null;
  readonly sample: ProbeSample;
  readonly value: ProbeSample;
  readonly other: ProbeSample;
  readonly targetSdRatio: number | null;
}

function rowsOf(
  sides: readonly Probes[],
  resamples: GroupResamples,
  { bootstrap }: Config,
): Omit<Row, 'comparison' | 'setting' | 'axes' | 'against'>[] {
  const [{ scenario, target, layers }, ...others] = sides as [Probes, ...Probes[]];
  const both = [...layers.keys()].filter((layer) => others.every((other) => other.layers.has(layer)));
  if (both.length === 0) return [];
  const held = both.map((layer) => sides.map((side) => side.layers.get(layer)!));
  const { groups, samples } = sampleProbes(held.flat(), resamples);
  const byLayer = both.map((layer, i) =>
    differenceOf(layer, held[i]!, samples.slice(i * sides.length, (i + 1) * sides.length)),
  );
  const p = flipsOf(byLayer, groups.length, bootstrap.seed);
  const overall = meanOf(byLayer);
  const all = [...byLayer, overall];
  const ofMean = flipsOf([overall], groups.length, bootstrap.seed)[0]!;
  return all.map(({ layer, sample, value, other, targetSdRatio }, i) => {
    return {
      scenario,
      target,
      layer,
      value: value.score.value,
      other: other.score.value,
      ...estimateOf(sample, bootstrap),
      p: (p[i] ?? ofMean).pointwise,
      p_adjusted: (p[i] ?? ofMean).family_wise,
      target_sd_ratio: targetSdRatio,
      n: groups.length,
    };
  });
}

function estimateOf(
  { score, resampled, contributions }: ProbeSample,
  { level, method }: Config['bootstrap'],
): Pick<Row, 'difference' | 'low' | 'high' | 'reason'> {
  const { value } = score;
  if (value === null) return { difference: null, low: null, high: null, reason: score.reason };
  const found = bootstrapInterval(resampled, value, {
    units: contributions.length,
    level,
    method,
    jackknife: leftOut(value, contributions),
  });
  return found === null
    ? { difference: value, low: null, high: null, reason: 'too_few_groups' }
    : { difference: value, low: found.low, high: found.high, reason: null };
}

function differenceOf(layer: number, held: readonly HeldOutPredictions[], samples: readonly ProbeSample[]): Difference {
  const terms = samples.map((sample, i) => ({ sample, weight: WEIGHTS[i]! }));
  const changeOf = (pair: readonly ProbeSample[]): ProbeSample =>
    combineSamples(pair.map((sample, i) => ({ sample, weight: WEIGHTS[i]! })));
  const [own, reference, ...contrast] = samples as [ProbeSample, ProbeSample, ...ProbeSample[]];
  const spreads = [held[0]!, held[held.length === 2 ? 1 : 2]!].map(({ target }) => standardDeviation(target));
  const [spread, before] = spreads as [number | null, number | null];
  return {
    layer,
    sample: combineSamples(terms),
    ...(contrast.length === 0
      ? { value: own, other: reference }
      : { value: changeOf([own, reference]), other: changeOf(contrast) }),
    targetSdRatio: spread === null || !before ? null : spread / before,
  };
}

/** Over the layers at which there is a difference; that of the first where there is none at all. */
function meanOf(byLayer: readonly Difference[]): Difference {
  const defined = byLayer.filter(({ sample }) => sample.score.value !== null);
  const all = defined.length === 0 ? byLayer.slice(0, 1) : defined;
  const mean = (read: (difference: Difference) => ProbeSample): ProbeSample =>
    combineSamples(all.map((difference) => ({ sample: read(difference), weight: 1 / all.length })));
  return {
    layer: null,
    sample: mean(({ sample }) => sample),
    value: mean(({ value }) => value),
    other: mean(({ other }) => other),
    targetSdRatio: all[0]!.targetSdRatio,
  };
}

interface P {
  readonly pointwise: number | null;
  readonly family_wise: number | null;
}

/** p of each, and over all of them; null where there is no difference or too few prompts. */
function flipsOf(differences: readonly Difference[], groups: number, seed: number): P[] {
  const tested = differences.filter(({ sample }) => sample.score.value !== null && groups >= INTERVAL_UNITS);
  const { pointwise, family_wise } = signFlips(
    tested.map(({ sample }) => sharesOf(sample)),
    seed,
  );
  return differences.map((difference) => {
    const i = tested.indexOf(difference);
    return { pointwise: pointwise[i] ?? null, family_wise: family_wise[i] ?? null };
  });
}

/** Corrects p of the means over layers for how many settings, scenarios and targets there are. */
function adjusted(rows: readonly Row[]): Row[] {
  const found = [...rows];
  const means = [...rows.keys()].filter((i) => rows[i]!.layer === null);
  for (const family of groupBy(means, (i) => rows[i]!.against).values()) {
    const corrected = adjustPValues(
      family.map((i) => rows[i]!.p),
      'holm',
    );
    for (const [place, i] of family.entries()) found[i] = { ...rows[i]!, p_adjusted: corrected[place]! };
  }
  return found;
}
