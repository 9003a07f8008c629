import { groupBy, UserError } from '@sonde/base';
import type { RunContext } from '@sonde/executor';
import { CHANGES, chooseAttributes, type Prompts, type RowOf, readPrompts, writeRows } from '@sonde/formats';
import {
  adjustPValues,
  bootstrapInterval,
  bootstrapStatistic,
  comparePaired,
  INTERVAL_UNITS,
  inSubset,
  PROMPT_SUBSETS,
  pearson,
  type ResampleProvider,
  resampler,
  standardDeviation,
} from '@sonde/statistics';
import { axesText, partnersOf, settingText } from '../shared/axes.ts';
import { divide } from '../shared/baseline.ts';
import { contrastOf } from '../shared/contrast.ts';
import { GROUP_OF } from '../shared/groups.ts';
import type { Config } from './config.ts';
import { type ControlCurve, controlCurve } from './matched.ts';
import { type LossSums, logPerplexity, lossSums, type Measure, perplexitiesWithout, valuesOf } from './measures.ts';
import { type Observed, observe, requireAlike, type Setting, settingsOf } from './observed.ts';

type Row = RowOf<typeof CHANGES>;

/** What every comparison of the step shares. */
interface Shared {
  readonly config: Config;
  readonly resamples: ResampleProvider;
  readonly prompts: Prompts | undefined;
  readonly empty: number;
}

/** Both sides of a comparison, prompt by prompt. */
interface Sides {
  readonly setting: Setting;
  readonly against: Row['against'];
  readonly ids: readonly string[];
  /** What the setting is held against; runs where there are such, for their replicates. */
  readonly others: readonly Observed[];
  own(measure: Measure, ids: readonly string[]): Float64Array;
  other(measure: Measure, ids: readonly string[]): Float64Array | undefined;
}

const PERPLEXITY = 'perplexity';

/** `behavior/compare`. */
export async function run({ config, output }: RunContext<Config>): Promise<void> {
  const { runs, references } = await sidesRead(config);
  const controls = config.controls && (await observe(config.controls, undefined, config.control_losses));
  requireAlike([...runs, ...references, ...(controls ?? [])]);
  const { bootstrap } = config;
  const shared: Shared = {
    config,
    resamples: resampler(bootstrap.seed, 'prompts', bootstrap.resamples),
    prompts: config.prompts && (await readPrompts(config.prompts.path, config.prompts.ref)),
    empty: config.empty === 'lowest' ? 0 : Number.NaN,
  };
  const settings = settingsOf(runs, config.over);
  const rows = settings.flatMap((setting) =>
    [
      ...sidesOf(setting, references, controls, shared),
      ...contrastSides(setting, settings, references, shared),
    ].flatMap((sides) => rowsOf(sides, shared)),
  );
  await writeRows(output('changes'), CHANGES, adjusted(rows));
}

async function sidesRead(config: Config): Promise<{ runs: Observed[]; references: Observed[] }> {
  const { baseline, reference, reference_continuations, reference_losses, scores, continuations, losses } = config;
  if (baseline === undefined) {
    return {
      runs: await observe(scores, continuations, losses),
      references: await observe(reference ?? [], reference_continuations, reference_losses),
    };
  }
  const [ofScores, ofTexts, ofLosses] = [scores, continuations, losses].map((all) => all && divide(all, baseline));
  return {
    runs: await observe(ofScores!.settings, ofTexts?.settings, ofLosses?.settings),
    references: await observe(ofScores!.references, ofTexts?.references, ofLosses?.references),
  };
}

/** The references of a setting. @throws UserError where it has none */
function referencesOf(setting: Setting, references: readonly Observed[]): Observed[] {
  const partners = uniqueOf(setting.runs.flatMap((run) => partnersOf(run, references)));
  if (partners.length > 0) return partners;
  throw new UserError(
    'ids',
    `${axesText(setting)} has no reference with equal values on the axes that both have`,
    'Give `reference` the same values on the axes that it shares with `scores`, or no such axis.',
  );
}

/** The change of a setting beside that of the one that `contrast` names; none where it is that one itself. */
function contrastSides(
  setting: Setting,
  settings: readonly Setting[],
  references: readonly Observed[],
  { config, empty }: Shared,
): Sides[] {
  const named = config.contrast && contrastOf(setting, settings, config.contrast);
  if (named === undefined) return [];
  const changeOf = (of: Setting) => {
    const partners = referencesOf(of, references);
    return (measure: Measure, ids: readonly string[]): Float64Array => {
      const before = valuesOf(measure, partners, ids, empty);
      return valuesOf(measure, of.runs, ids, empty).map((value, p) => value - before[p]!);
    };
  };
  const { promptIds } = setting.runs[0]!.grid;
  return [{ setting, against: 'contrast', ids: promptIds, others: [], own: changeOf(setting), other: changeOf(named) }];
}

function uniqueOf<T>(items: readonly T[]): T[] {
  return [...new Set(items)];
}

/** What a setting is held against. */
function sidesOf(
  setting: Setting,
  references: readonly Observed[],
  controls: readonly Observed[] | undefined,
  { config, empty }: Shared,
): Sides[] {
  const partners = referencesOf(setting, references);
  const own = (measure: Measure, ids: readonly string[]) => valuesOf(measure, setting.runs, ids, empty);
  const { promptIds } = setting.runs[0]!.grid;
  const ofRuns = (against: Row['against'], others: readonly Observed[]): Sides => ({
    setting,
    against,
    ids: promptIds,
    others,
    own,
    other: (measure, ids) => valuesOf(measure, others, ids, empty),
  });
  const sides = [ofRuns('reference', partners)];
  const equals = partnersOf(setting, controls ?? []);
  if (equals.length > 0) sides.push(ofRuns('controls', equals));
  const cost = logPerplexity(lossSums(setting.runs, promptIds));
  if (controls === undefined || config.control_losses === undefined || cost === null) return sides;
  const curve: ControlCurve = controlCurve(
    [{ axes: {}, runs: partners }, ...settingsOf(relatedTo(setting, controls), config.over)],
    promptIds,
  );
  return [
    ...sides,
    {
      setting,
      against: 'controls_of_equal_perplexity',
      ids: promptIds,
      others: [],
      own,
      other: (measure, ids) => curve.at(cost, measure, ids, empty),
    },
  ];
}

/** The controls of the same model: of whatever strength. */
function relatedTo({ axes }: Setting, controls: readonly Observed[]): Observed[] {
  const { model } = axes;
  return model === undefined ? [...controls] : partnersOf({ axes: { model } }, controls);
}

function measuresOf({ setting, against }: Sides, { config }: Shared): Measure[] {
  const { grid, tokens } = setting.runs[0]!;
  const attributes = chooseAttributes(grid.attributes, config.attributes, 'the scores');
  const ofScores = attributes.flatMap((attribute): Measure[] =>
    (['emt', 'probability', 'mean_score'] as const).map((metric) => ({ metric, attribute })),
  );
  const ofTexts: Measure[] = (['distinct_2', 'tokens'] as const).map((metric) => ({ metric, attribute: null }));
  return against === 'reference' && tokens !== undefined ? [...ofScores, ...ofTexts] : ofScores;
}

function rowsOf(sides: Sides, shared: Shared): Row[] {
  const { prompts } = shared;
  const rows = measuresOf(sides, shared).flatMap((measure) => {
    const { attribute } = measure;
    const subsets = prompts === undefined || attribute === null ? (['all'] as const) : PROMPT_SUBSETS;
    return subsets.map((subset) => {
      const own = (id: string): number => prompts?.byId.get(id)?.score[attribute ?? ''] ?? Number.NaN;
      const ids = sides.ids.filter((id) => inSubset(subset, own(id)));
      return rowOf(measure, GROUP_OF[subset], ids, sides, shared);
    });
  });
  return sides.against === 'reference' && shared.config.losses !== undefined
    ? [...rows, perplexityRow(sides, shared)]
    : rows;
}

type Named = Pick<Row, 'comparison' | 'setting' | 'axes' | 'against' | 'k' | 'replicates'>;

function namesOf({ setting, against }: Sides, { config }: Shared): Named {
  return {
    comparison: config.name,
    setting: settingText(setting),
    axes: setting.axes,
    against,
    k: setting.runs[0]!.grid.k,
    replicates: setting.runs.length,
  };
}

function meanOf(values: ArrayLike<number>): number {
  return Array.from(values).reduce((sum, value) => sum + value / values.length, 0);
}

function rowOf(measure: Measure, group: Row['group'], ids: readonly string[], sides: Sides, shared: Shared): Row {
  const { config, resamples, empty } = shared;
  const own = sides.own(measure, ids);
  const other = sides.other(measure, ids);
  const named = { ...namesOf(sides, shared), metric: measure.metric, attribute: measure.attribute, group };
  if (other === undefined)
    return { ...named, ...NOTHING, n: 0, missing: ids.length, reason: 'no_control_costs_as_much' };
  const { n, missing, difference, interval, effect_size, p } = comparePaired(other, own, {
    level: config.bootstrap.level,
    method: config.bootstrap.method,
    resamples,
    seed: config.bootstrap.seed,
  });
  if (difference === null) return { ...named, ...NOTHING, n, missing, reason: 'no_prompts' };
  const both = ids.map((_, p) => p).filter((p) => !Number.isNaN(own[p]! - other[p]!));
  const [x, y] = [both.map((p) => own[p]!), both.map((p) => other[p]!)];
  return {
    ...named,
    value: meanOf(x),
    other: meanOf(y),
    difference,
    low: interval?.low ?? null,
    high: interval?.high ?? null,
    p,
    p_adjusted: null,
    effect_size,
    agreement: pearson(x, y).r,
    ...spreads(
      measure,
      both.map((p) => ids[p]!),
      sides,
      empty,
    ),
    n,
    missing,
    reason: null,
  };
}

const NOTHING = {
  value: null,
  other: null,
  difference: null,
  low: null,
  high: null,
  p: null,
  p_adjusted: null,
  effect_size: null,
  agreement: null,
  replicate_sd: null,
  noise_sd: null,
} as const;

/** How far replicates differ: of the setting, each against its own references, and of the reference itself. */
function spreads(
  measure: Measure,
  ids: readonly string[],
  { setting, others }: Sides,
  empty: number,
): Pick<Row, 'replicate_sd' | 'noise_sd'> {
  const overall = (runs: readonly Observed[]): number => meanOf(valuesOf(measure, runs, ids, empty));
  const differences = setting.runs.map((run) => {
    const partners = partnersOf(run, others);
    return overall([run]) - overall(partners.length > 0 ? partners : others);
  });
  const ofReference = standardDeviation(Float64Array.from(others, (run) => overall([run])));
  return {
    replicate_sd: others.length === 0 ? null : standardDeviation(Float64Array.from(differences)),
    noise_sd: ofReference === null ? null : Math.SQRT2 * ofReference,
  };
}

/** Perplexity is a ratio of sums over prompts, so its difference is resampled whole. */
function perplexityRow(sides: Sides, shared: Shared): Row {
  const { setting, others, ids } = sides;
  const { resamples, config } = shared;
  const known = ids.filter((id) => [...setting.runs, ...others].every(({ losses }) => losses?.get(id)?.nll != null));
  const named = { ...namesOf(sides, shared), metric: PERPLEXITY, attribute: null, group: 'all' } as const;
  const missing = ids.length - known.length;
  const [own, theirs] = [lossSums(setting.runs, known), lossSums(others, known)];
  const perplexity = (sums: LossSums, drawn?: Uint32Array): number | null => {
    const log = logPerplexity(sums, drawn);
    return log === null ? null : Math.exp(log);
  };
  const [value, other] = [perplexity(own), perplexity(theirs)];
  if (value === null || other === null) return { ...named, ...NOTHING, n: 0, missing, reason: 'no_tokens' };
  const difference = value - other;
  const without = perplexitiesWithout(theirs);
  const interval =
    known.length < INTERVAL_UNITS
      ? null
      : bootstrapInterval(
          bootstrapStatistic((drawn) => {
            const [after, before] = [perplexity(own, drawn), perplexity(theirs, drawn)];
            return after === null || before === null ? null : after - before;
          }, resamples(known.length)),
          difference,
          {
            units: known.length,
            level: config.bootstrap.level,
            method: config.bootstrap.method,
            jackknife: perplexitiesWithout(own).map((left, p) => left - without[p]!),
          },
        );
  const ends = { low: interval?.low ?? null, high: interval?.high ?? null };
  return { ...named, ...NOTHING, value, other, difference, ...ends, n: known.length, missing, reason: null };
}

/** Corrects p over the settings and attributes of each metric. */
function adjusted(rows: readonly Row[]): Row[] {
  const places = groupBy([...rows.keys()], (i) => `${rows[i]!.against} ${rows[i]!.metric} ${rows[i]!.group}`);
  const found = [...rows];
  for (const family of places.values()) {
    const corrected = adjustPValues(
      family.map((i) => rows[i]!.p),
      'holm',
    );
    for (const [place, i] of family.entries()) found[i] = { ...rows[i]!, p_adjusted: corrected[place]! };
  }
  return found;
}
