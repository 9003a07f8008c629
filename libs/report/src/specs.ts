import type { TopLevelSpec } from 'vega-lite';
import { seriesColor, seriesDash } from './palette.ts';

/** A closed range of an axis. */
export type Domain = readonly [number, number];

export type LayerAxis = {
  readonly title: string;
  readonly domain: Domain;
  readonly ticks: readonly number[];
  readonly format: string;
  /** Logarithmic, but linear below this. */
  readonly constant?: number;
};

export type ValueAxis = {
  readonly title: string;
  readonly domain: Domain;
  /** The distance of the ticks, which include the ends of the domain. */
  readonly step: number;
  readonly format: string;
};

export type LayerPlot = {
  readonly x: LayerAxis;
  readonly y: ValueAxis;
  /** Names of the reference lines, in the order of their dashes. */
  readonly references: readonly string[];
  /** How intervals are drawn: a band for a course over layers, whiskers for separate interventions. */
  readonly interval: 'band' | 'whiskers';
  /** Whether a band shows what chance gives. */
  readonly chance?: true;
};

/** To the right there is room for half of a label such as "143,000". */
const PANEL = { width: 186, height: 116, padding: { left: 40, right: 20, top: 26, bottom: 32 } };

/**
 * Reference scores by score, in bins: a line with a point a bin, larger for more texts, beside the line where both are equal.
 * Data set: `bins` {score, reference, n}. `most`: the largest n.
 */
export function calibrationSpec(most: number): TopLevelSpec {
  const ticks = [0, 0.25, 0.5, 0.75, 1];
  const x = { ...xEncoding({ title: 'Score', domain: [0, 1], ticks, format: '.2~f' }), field: 'score' };
  const y = { ...yEncoding({ title: 'Reference', domain: [0, 1], step: 0.25, format: '.2~f' }), field: 'reference' };
  const size = { field: 'n', type: 'quantitative', scale: { domain: [0, most], range: [6, 90] }, legend: null };
  return {
    ...PANEL,
    layer: [
      {
        data: { values: [0, 1].map((end) => ({ score: end, reference: end })) },
        mark: { type: 'line', color: referenceColor(2), strokeWidth: 1.4, strokeDash: referenceDash(0) },
        encoding: { x, y },
      },
      {
        data: { name: 'bins' },
        mark: { type: 'line', color: 'var(--series-1)', strokeWidth: 1.8 },
        encoding: { x, y },
      },
      {
        data: { name: 'bins' },
        mark: { type: 'point', filled: true, color: 'var(--series-1)', opacity: 1 },
        encoding: { x, y, size },
      },
    ],
  } as TopLevelSpec;
}

/**
 * A value by layer with its interval, reference lines, what chance gives, and selectivity.
 * Data sets: `line` {x, y, firm}, `interval` {x, low, high}, `reference` {x, y, name}, `selectivity` {x, y}, and with
 * `chance` also `chance` {x, low, high}.
 */
export function layerSpec(plot: LayerPlot): TopLevelSpec {
  const x = xEncoding(plot.x);
  const y = (field: string) => ({ ...yEncoding(plot.y), field });
  const names = [...plot.references];
  const layers = [
    ...zeroRule(plot.y),
    ...(plot.chance === true
      ? [
          {
            data: { name: 'chance' },
            mark: { type: 'area', color: CHANCE_COLOR, opacity: 0.22 },
            encoding: { x, y: y('low'), y2: { field: 'high' } },
          },
        ]
      : []),
    {
      data: { name: 'interval' },
      mark:
        plot.interval === 'band'
          ? { type: 'area', color: 'var(--series-1)', opacity: 0.18 }
          : { type: 'rule', color: 'var(--series-1)', strokeWidth: 1.5 },
      encoding: { x, y: y('low'), y2: { field: 'high' } },
    },
    {
      data: { name: 'reference' },
      mark: { type: 'line', strokeWidth: 1.4 },
      encoding: {
        x,
        y: y('y'),
        color: {
          field: 'name',
          type: 'nominal',
          scale: { domain: names, range: names.map((_, i) => referenceColor(i)) },
          legend: null,
        },
        strokeDash: {
          field: 'name',
          type: 'nominal',
          scale: { domain: names, range: names.map((_, i) => referenceDash(i)) },
          legend: null,
        },
      },
    },
    {
      name: 'selectivity',
      data: { name: 'selectivity' },
      mark: { type: 'line', color: 'var(--series-1)', strokeWidth: 1.4, strokeDash: [2, 2] },
      encoding: { x, y: y('y') },
    },
    {
      data: { name: 'line' },
      mark: { type: 'line', color: 'var(--series-1)', strokeWidth: 1.8 },
      encoding: { x, y: y('y') },
    },
    {
      data: { name: 'line' },
      transform: [{ filter: 'isValid(datum.y)' }],
      mark: { type: 'point', filled: false, size: 18, stroke: 'var(--series-1)', strokeWidth: 1.4, opacity: 1 },
      encoding: {
        x,
        y: y('y'),
        fill: {
          field: 'firm',
          type: 'nominal',
          scale: { domain: [true, false], range: ['var(--series-1)', 'var(--page)'] },
          legend: null,
        },
      },
    },
  ];
  return { ...PANEL, layer: layers } as TopLevelSpec;
}

/** What chance gives, as a band. */
export const CHANCE_COLOR = 'var(--axis)';

/**
 * Values with whiskers of several series over a number. Data sets: `points` {x, y, low, high, series}.
 */
export function curvesSpec(series: readonly string[], x: LayerAxis, y: ValueAxis): TopLevelSpec {
  const domain = [...series];
  const data = { name: 'points' };
  const color = {
    field: 'series',
    type: 'nominal',
    scale: { domain, range: domain.map((_, i) => seriesColor(i)) },
    legend: null,
  };
  const strokeDash = {
    field: 'series',
    type: 'nominal',
    scale: { domain, range: domain.map((_, i) => [...seriesDash(i)]) },
    legend: null,
  };
  const [across, up] = [xEncoding(x), (field: string) => ({ ...yEncoding(y), field })];
  return {
    ...PANEL,
    layer: [
      ...zeroRule(y),
      {
        data,
        transform: [{ filter: 'isValid(datum.low) && isValid(datum.high)' }],
        mark: { type: 'rule', strokeWidth: 1.2, opacity: 0.6 },
        encoding: { x: across, y: up('low'), y2: { field: 'high' }, color },
      },
      { data, mark: { type: 'line', strokeWidth: 1.8 }, encoding: { x: across, y: up('y'), color, strokeDash } },
      {
        data,
        transform: [{ filter: 'isValid(datum.y)' }],
        mark: { type: 'point', filled: true, size: 22, opacity: 1 },
        encoding: { x: across, y: up('y'), color },
      },
    ],
  } as TopLevelSpec;
}

/** Lines of several models over relative depth. Data set: `lines` {x, y, series}. */
export function linesSpec(series: readonly string[], x: LayerAxis, y: ValueAxis): TopLevelSpec {
  const domain = [...series];
  return {
    ...PANEL,
    layer: [
      ...zeroRule(y),
      {
        data: { name: 'lines' },
        mark: { type: 'line', strokeWidth: 1.8, opacity: 0.95 },
        encoding: {
          x: xEncoding(x),
          y: { ...yEncoding(y), field: 'y' },
          color: {
            field: 'series',
            type: 'nominal',
            scale: { domain, range: domain.map((_, i) => seriesColor(i)) },
            legend: null,
          },
          strokeDash: {
            field: 'series',
            type: 'nominal',
            scale: { domain, range: domain.map((_, i) => [...seriesDash(i)]) },
            legend: null,
          },
        },
      },
    ],
  } as TopLevelSpec;
}

/**
 * Values with intervals by model (rows) and prompt group (colour, shape and offset).
 * Data set: `dots` {label, group, value, low, high}.
 */
export function dotSpec(
  labels: readonly string[],
  groups: readonly string[],
  title: string,
  { domain, step }: { readonly domain: Domain; readonly step: number } = { domain: [0, 1], step: 0.25 },
): TopLevelSpec {
  const y = {
    field: 'label',
    type: 'nominal',
    scale: { domain: [...labels], paddingInner: 0.35, paddingOuter: 0.2 },
    axis: {
      title: null,
      ticks: false,
      domain: false,
      labelColor: 'var(--ink)',
      labelFontSize: 11,
      labelPadding: 6,
      grid: true,
    },
  };
  const yOffset = { field: 'group', type: 'nominal', scale: { domain: [...groups] } };
  const x = {
    type: 'quantitative',
    scale: { domain: [...domain], nice: false },
    axis: {
      title,
      values: ticksOf(domain, step),
      format: '.2~f',
      titleAnchor: 'end',
      titlePadding: 5,
      labelFlush: false,
      domain: false,
    },
  };
  const range = groups.map((_, i) => GROUP_COLORS[i % GROUP_COLORS.length]);
  const color = { field: 'group', type: 'nominal', scale: { domain: [...groups], range }, legend: null };
  return {
    width: 210,
    height: Math.max(1, labels.length) * 30,
    padding: { left: 128, right: 12, top: 4, bottom: 34 },
    layer: [
      {
        data: { name: 'dots' },
        transform: [{ filter: 'isValid(datum.low) && isValid(datum.high)' }],
        mark: { type: 'rule', strokeWidth: 1.5 },
        encoding: { y, yOffset, x: { ...x, field: 'low' }, x2: { field: 'high' }, color },
      },
      {
        data: { name: 'dots' },
        transform: [{ filter: 'isValid(datum.value)' }],
        mark: { type: 'point', filled: true, size: 34, opacity: 1 },
        encoding: {
          y,
          yOffset,
          x: { ...x, field: 'value' },
          color,
          shape: {
            field: 'group',
            type: 'nominal',
            scale: { domain: [...groups], range: groups.map((_, i) => GROUP_SHAPES[i % GROUP_SHAPES.length]) },
            legend: null,
          },
        },
      },
    ],
  } as unknown as TopLevelSpec;
}

export const GROUP_COLORS = ['var(--ink)', 'var(--series-2)', 'var(--series-1)'] as const;
export const GROUP_SHAPES = ['circle', 'triangle-up', 'square'] as const;

const REFERENCE_COLORS = ['var(--series-2)', 'var(--series-3)', 'var(--muted)', 'var(--series-4)', 'var(--series-6)'];
const REFERENCE_DASHES = [
  [6, 3],
  [1.5, 2.5],
  [8, 2, 1.5, 2],
  [4, 2],
  [1, 4],
];

export function referenceColor(index: number): string {
  return REFERENCE_COLORS[index % REFERENCE_COLORS.length] as string;
}

export function referenceDash(index: number): number[] {
  return REFERENCE_DASHES[index % REFERENCE_DASHES.length] as number[];
}

function xEncoding({ title, domain, ticks, format, constant }: LayerAxis) {
  const wide = constant === undefined ? {} : { type: 'symlog', constant };
  return {
    field: 'x',
    type: 'quantitative',
    scale: { domain: [...domain], nice: false, zero: false, ...wide },
    axis: { title, values: [...ticks], format, grid: false, titleAnchor: 'end', titlePadding: 4, labelFlush: false },
  };
}

/** The title stands level above the axis, where it is read without turning the head and takes no width. */
function yEncoding({ title, domain, step, format }: ValueAxis) {
  return {
    type: 'quantitative',
    scale: { domain: [...domain], nice: false, zero: false },
    axis: {
      title,
      format,
      values: ticksOf(domain, step),
      labelExpr: "datum.value === 0 ? '0' : datum.label",
      domain: false,
      ticks: false,
      titleAngle: 0,
      titleAlign: 'left',
      titleX: -40,
      labelPadding: 7,
      titleY: -10,
      titleBaseline: 'bottom',
    },
  };
}

function ticksOf([low, high]: Domain, step: number): number[] {
  const count = Math.round((high - low) / step);
  return Array.from({ length: count + 1 }, (_, i) => {
    const value = Number((low + i * step).toPrecision(12));
    return Math.abs(value) < step * 1e-9 ? 0 : value;
  });
}

/** A rule at zero where the domain crosses it. It carries the axis too: layers without one would reset it. */
function zeroRule(y: ValueAxis): object[] {
  if (y.domain[0] >= 0 || y.domain[1] <= 0) return [];
  return [
    {
      data: { values: [{ zero: 0 }] },
      mark: { type: 'rule', color: 'var(--axis)' },
      encoding: { y: { ...yEncoding(y), field: 'zero' } },
    },
  ];
}
