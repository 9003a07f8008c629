import { domainOf, roundDomain } from './axes.ts';
import { distinct } from './format.ts';
import type { Curve } from './model.ts';
import { seriesColor, seriesDash } from './palette.ts';
import { describeCourse, type LegendItem, type Panel } from './parts.ts';
import { plotter } from './plot.ts';
import { numberAxis } from './scale.ts';
import { curvesSpec } from './specs.ts';

export interface DrawnCurves {
  readonly panels: readonly Panel[];
  readonly legend: readonly LegendItem[];
  readonly records: readonly Readonly<Record<string, unknown>>[];
}

/** Draws curves over one number, in the same colours, with one range of x for all. */
export async function drawCurves(
  curves: readonly Curve[],
  axis: { readonly name: string; readonly title: string },
  label: (series: string) => string,
): Promise<DrawnCurves> {
  const series = distinct(curves.flatMap(({ points }) => points.map((point) => point.series)));
  const x = numberAxis(
    axis.title,
    curves.flatMap(({ points }) => points.map((point) => point.x)),
  );
  const panels: Panel[] = [];
  for (const { caption, unit, share, points } of curves) {
    const values = points.flatMap(({ value }) => [value.value, value.low, value.high]);
    const range = share === true ? { domain: domainOf(values, 0.25, [0, 1]), step: 0.25 } : roundDomain(values);
    const y = { title: unit, ...range, format: range.domain[1] < 10 ? '.2~f' : '~s' };
    const rows = points.map((point) => ({
      x: point.x,
      y: point.value.value,
      low: point.value.low ?? null,
      high: point.value.high ?? null,
      series: point.series,
    }));
    const spoken = series.map((name) =>
      describeCourse(
        label(name),
        rows.filter((row) => row.series === name),
        axis.title,
      ),
    );
    const draw = plotter(curvesSpec(series, x, y));
    panels.push({ caption, drawing: await draw({ points: rows }, `${caption}. ${spoken.join('; ')}`) });
  }
  return {
    panels,
    legend: series.map((name, i) => ({ label: label(name), color: seriesColor(i), dash: seriesDash(i) })),
    records: curves.flatMap(({ measure, points }) =>
      points.map(({ series: model, x: at, value: { value, low = null, high = null, reason = null } }) => ({
        measure,
        model,
        [axis.name]: at,
        value,
        low,
        high,
        reason,
      })),
    ),
  };
}
