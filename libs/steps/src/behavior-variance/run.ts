import { groupBy, UserError } from '@sonde/base';
import type { InputArtifact, RunContext } from '@sonde/executor';
import { type RowOf, readRows, SUMMARY, VARIANCES, writeRows } from '@sonde/formats';
import { type VarianceComponent, varianceComponents } from '@sonde/statistics';
import { axesText } from '../shared/axes.ts';
import { type Behavior, requireComparable } from '../shared/comparable.ts';
import type { Config } from './config.ts';

type Row = RowOf<typeof VARIANCES>;

interface Summary extends Behavior {
  /** The values of the axes that are no replicates. */
  readonly setting: string;
}

/** `behavior/variance`. */
export async function run({ config, output, log }: RunContext<Config>): Promise<void> {
  const { over, summaries: sources } = config;
  const axes = [...new Set(sources.flatMap((source) => Object.keys(source.axes)))].sort();
  const strange = over.find((axis) => !axes.includes(axis));
  if (strange !== undefined) {
    throw new UserError(
      'config',
      `\`over\` names ${strange}, but the summaries were collected over ${axes.join(', ') || 'no axis'}`,
      'Name an axis of the matrix that the summaries come from.',
    );
  }
  const others = axes.filter((axis) => !over.includes(axis) && differs(sources, axis));
  const summaries: Summary[] = [];
  for (const source of sources) {
    const rows = await readRows(source.path, SUMMARY, { what: source.ref ?? 'a summary' });
    const setting = JSON.stringify(others.map((axis) => source.axes[axis] ?? null));
    const compared = rows.filter(
      ({ group, metric }) => group === 'all' && config.metrics.some((each) => each === metric),
    );
    summaries.push({ name: axesText(source), setting, rows: compared });
  }
  requireComparable(summaries, config.comparable, log);
  const attributes = [
    ...new Set(summaries.flatMap(({ rows }) => rows.flatMap(({ attribute }) => attribute ?? []))),
  ].filter((attribute) => config.attributes?.includes(attribute) ?? true);
  if (attributes.length === 0) throw new UserError('input', 'the summaries have none of the attributes');
  const settings = new Set(summaries.map(({ setting }) => setting)).size;
  if (settings === summaries.length) log('warning', `no setting has more than one value of ${over.join(', ')}`);
  const named = { between: others.join(', ') || null, within: over.join(', '), level: config.level };
  const rows = attributes.flatMap((attribute) =>
    config.metrics.flatMap((metric) =>
      rowsOf(summaries, attribute, metric, config).map((row): Row => ({ attribute, metric, ...row, ...named })),
    ),
  );
  await writeRows(output('variances'), VARIANCES, rows);
}

function differs(sources: readonly InputArtifact[], axis: string): boolean {
  return new Set(sources.map(({ axes }) => JSON.stringify(axes[axis] ?? null))).size > 1;
}

function rowsOf(summaries: readonly Summary[], attribute: string, metric: string, { level }: Config) {
  const own = summaries.flatMap(({ setting, rows }) => {
    const value = rows.find((row) => row.metric === metric && row.attribute === attribute)?.value;
    return value == null ? [] : [{ setting, value }];
  });
  if (own.length === 0) {
    const none: VarianceComponent = { value: null, interval: null, df: 0 };
    return (['between', 'within', 'share'] as const).map((component) => rowOf(component, none, 0, 0, 'no_values'));
  }
  const groups = [...groupBy(own, ({ setting }) => setting).values()].map((all) => all.map(({ value }) => value));
  const found = varianceComponents(groups, level);
  const missing = found.groups < 2 ? 'one_setting' : found.within.value === null ? 'no_replicates' : 'no_variance';
  return [
    rowOf('between', found.between, found.values, found.groups, missing),
    rowOf('within', found.within, found.values, found.groups, missing),
    rowOf('share', found.intraclass, found.values, found.groups, missing),
  ];
}

function rowOf(
  component: Row['component'],
  { value, interval, df }: VarianceComponent,
  n: number,
  settings: number,
  reason: NonNullable<Row['reason']>,
) {
  const sd = (variance: number | undefined): number | null =>
    variance === undefined || component === 'share' ? null : Math.sqrt(variance);
  return {
    component,
    value,
    low: interval?.[0] ?? null,
    high: interval?.[1] ?? null,
    sd: sd(value ?? undefined),
    sd_low: sd(interval?.[0]),
    sd_high: sd(interval?.[1]),
    df,
    n,
    settings,
    reason: value === null || interval === null ? reason : null,
  };
}
