import { groupBy } from '@sonde/base';
import type { PROBE_SCORES, RowOf, SUMMARY } from '@sonde/formats';
import { type AxisSection, attributeLabel, type Curve, type Estimate, SCENARIO_LABELS, wordingOf } from '@sonde/report';
import { TEXT_MEASURES } from './behavior.ts';
import { numberAxes } from './numbers.ts';
import { estimateOf, type ModelRows } from './rows.ts';

type SummaryRow = RowOf<typeof SUMMARY>;
type ProbeRow = RowOf<typeof PROBE_SCORES>;

interface Placed<R> {
  readonly series: string;
  readonly x: number;
  readonly rows: readonly R[];
}

/** A section for each axis of numbers that the summaries or the probes differ along. */
export function axisSections(
  summaries: readonly ModelRows<SummaryRow>[],
  probes: readonly ModelRows<ProbeRow>[],
  nameOf: (axes: ModelRows<unknown>['source'], drawn: string) => string,
): AxisSection[] {
  const sources = [...summaries, ...probes].map(({ source }) => source);
  return numberAxes(sources).flatMap((axis) => {
    const labels: Record<string, string> = {};
    const place = <R>(tables: readonly ModelRows<R>[]): Placed<R>[] =>
      tables.flatMap(({ source, rows }) => {
        const found = axis.of(source);
        if (found === undefined) return [];
        const series = nameOf({ ...source, axes: found.rest }, axis.axis);
        labels[series] = series;
        return [{ series, x: found.x, rows }];
      });
    const groups = [...behaviorGroups(place(summaries)), ...probeGroups(place(probes))];
    if (groups.length === 0) return [];
    const without = sources.filter((source) => axis.of(source) === undefined).length;
    const notes = without === 0 ? [] : [`${without} tables without a value of ${axis.axis} are not drawn here.`];
    return [{ axis: axis.axis, groups, labels, notes }];
  });
}

function curveOf<R>(
  about: Omit<Curve, 'points'>,
  placed: readonly Placed<R>[],
  read: (rows: readonly R[]) => Estimate | undefined,
): Curve[] {
  const points = placed.flatMap(({ series, x, rows }) => {
    const value = read(rows);
    return value === undefined ? [] : [{ series, x, value }];
  });
  points.sort((a, b) => a.x - b.x);
  return points.length === 0 ? [] : [{ ...about, points }];
}

function behaviorGroups(placed: readonly Placed<SummaryRow>[]): AxisSection['groups'] {
  const steps = ['behavior/summarize'];
  const attributes = [...new Set(placed.flatMap(({ rows }) => rows.flatMap(({ attribute }) => attribute ?? [])))];
  const wording = wordingOf(attributes);
  const over = (metric: string, unit: string) =>
    attributes.flatMap((attribute) =>
      curveOf(
        { measure: `${metric} ${attribute}`, caption: attributeLabel(attribute), unit, share: true },
        placed,
        (rows) => {
          const row = rows.find((own) => own.metric === metric && own.attribute === attribute && own.group === 'all');
          return row && estimateOf(row);
        },
      ),
    );
  const ofText = TEXT_MEASURES.flatMap(({ name, label, unit }) =>
    curveOf({ measure: name, caption: label, unit: unit ?? label }, placed, (rows) => {
      const row = rows.find((own) => own.metric === name);
      return row && estimateOf(row);
    }),
  );
  return [
    { label: wording.maximum, curves: over('emt', wording.short), steps },
    { label: wording.probability, curves: over('probability', 'Share of prompts'), steps },
    { label: 'The text itself', curves: ofText, steps },
  ].filter(({ curves }) => curves.length > 0);
}

/** Probe scores, for each target: mean over layers, so that no layer is picked for its score. */
function probeGroups(placed: readonly Placed<ProbeRow>[]): AxisSection['groups'] {
  const states = placed.map(({ rows, ...each }) => ({
    ...each,
    rows: rows.filter(({ features, layer }) => features === 'states' && layer !== null),
  }));
  const targets = [...new Set(states.flatMap(({ rows }) => rows.map(({ target }) => target)))];
  return targets.map((target) => ({
    label: `Probes: ${attributeLabel(target)} (mean over layers)`,
    steps: ['probe/train'],
    curves: Object.entries(SCENARIO_LABELS).flatMap(([scenario, caption]) =>
      curveOf({ measure: `probe ${scenario} ${target}`, caption, unit: 'Pearson r', share: true }, states, (rows) => {
        const own = rows.filter((row) => row.scenario === scenario && row.target === target);
        const layers = [...groupBy(own, ({ layer, seed }) => `${layer} ${seed}`).values()].map((folds) => folds[0]!);
        const known = layers.flatMap(({ fold_mean }) => fold_mean ?? []);
        if (known.length === 0) return undefined;
        return { value: known.reduce((sum, value) => sum + value, 0) / known.length };
      }),
    ),
  }));
}
