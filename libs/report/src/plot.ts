import { parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import { type Html, html, raw, visible } from './html.ts';
import { slim } from './slim.ts';

/** Rows by the name of the data set in the specification. */
export type PlotData = Readonly<Record<string, readonly object[]>>;

/** Draws one panel; the label is what a screen reader says for it. */
export type Plotter = (data: PlotData, label: string) => Promise<Html>;

/**
 * Makes a plotter of a Vega-Lite specification with empty named data sets. The specification is compiled once and one
 * view draws every panel, which is several times faster than a view each; scales must therefore have fixed domains.
 */
export function plotter(spec: TopLevelSpec): Plotter {
  const view = new View(parse(compile({ ...CANVAS, ...spec, config: CONFIG } as TopLevelSpec).spec), {
    renderer: 'none',
  });
  return async (data, label) => {
    for (const [name, rows] of Object.entries(data)) view.data(name, [...rows]);
    await view.runAsync();
    return figureOf(visible(await view.toSVG()), label);
  };
}

/** Sizes and paddings are fixed, so that panels line up and nothing depends on measuring text. */
const CANVAS = { background: null, autosize: { type: 'none' } };

/** Colours are custom properties of the page: one drawing follows the light and the dark theme. */
const CONFIG = {
  aria: false,
  view: { stroke: null },
  mark: { invalid: 'break-paths-filter-domains' },
  axis: {
    labelColor: 'var(--muted)',
    titleColor: 'var(--muted)',
    gridColor: 'var(--grid)',
    domainColor: 'var(--axis)',
    tickColor: 'var(--axis)',
    labelFontSize: 10.5,
    titleFontSize: 10.5,
    titleFontWeight: 'normal',
    labelOverlap: false,
    labelLimit: 0,
    tickSize: 3,
    labelPadding: 3,
  },
};

function figureOf(svg: string, label: string): Html {
  const size = /^<svg[^>]*? width="([\d.]+)" height="([\d.]+)"/.exec(svg);
  const body = svg.slice(svg.indexOf('>') + 1);
  const [, width = '0', height = '0'] = size ?? [];
  return html`<svg viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${label}">${raw(slim(body))}`;
}
