import type { Html } from './html.ts';
import { html, raw } from './html.ts';
import type { LegendItem, Panel } from './panel.ts';
import { THEME } from './style.ts';

/** A drawing that stands by itself, with the numbers behind it. */
export type Figure = {
  /** The name of its files. */
  readonly name: string;
  readonly title: string;
  readonly panels: readonly Panel[];
  readonly legend?: readonly LegendItem[];
  readonly records: readonly Readonly<Record<string, unknown>>[];
  /** The step kinds whose tables it shows. */
  readonly steps: readonly string[];
};

const MARGIN = 16;
const TITLE = 30;
const CAPTION = 20;
const LEGEND_ROW = 18;
const FONT = 'system-ui, -apple-system, Segoe UI, Roboto, Noto Sans, Liberation Sans, sans-serif';

/** One SVG of all panels of a figure, on white, in colours of its own: it needs no page around it. */
export function figureSvg({ title, panels, legend = [] }: Figure): string {
  const sizes = panels.map(({ drawing }) => sizeOf(drawing));
  const width = Math.max(1, ...sizes.map((size) => size.width));
  const height = Math.max(1, ...sizes.map((size) => size.height));
  const columns = Math.min(panels.length, width > 260 ? 2 : 4) || 1;
  const rows = Math.ceil(panels.length / columns);
  const whole = Math.max(2 * MARGIN + columns * width, 560);
  const keys = legendRows(legend, whole - 2 * MARGIN);
  const top = MARGIN + TITLE + keys.length * LEGEND_ROW;
  const total = top + rows * (height + CAPTION) + MARGIN;
  const placed = panels.map(({ caption, drawing }, i) => {
    const x = MARGIN + (i % columns) * width;
    const y = top + Math.floor(i / columns) * (height + CAPTION);
    return html`<text x="${x + 4}" y="${y + 13}" font-size="12" font-weight="600" fill="${THEME.ink}">${caption}</text><svg x="${x}" y="${y + CAPTION}" width="${sizes[i]!.width}" height="${sizes[i]!.height}" viewBox="0 0 ${sizes[i]!.width} ${sizes[i]!.height}">${raw(bodyOf(drawing))}</svg>`;
  });
  const { markup } =
    html`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${whole} ${total}" width="${whole}" height="${total}" role="img" font-family="${FONT}"><title>${title}</title><rect width="100%" height="100%" fill="#ffffff"/><text x="${MARGIN}" y="${MARGIN + 14}" font-size="15" font-weight="600" fill="${THEME.ink}">${title}</text>${keys.flatMap(
      (row, r) => row.map((item) => keyMarkup(item, MARGIN + TITLE + r * LEGEND_ROW)),
    )}${placed}</svg>
`;
  return markup.replace(/var\(--([a-z0-9-]+)\)/g, (whole, name: string) => THEME[name] ?? whole);
}

function sizeOf({ markup }: Html): { width: number; height: number } {
  const [, width = '0', height = '0'] = /viewBox="0 0 ([\d.]+) ([\d.]+)"/.exec(markup) ?? [];
  return { width: Number(width), height: Number(height) };
}

/** What is inside the drawing's own element. Lines of selectivity, which the page shows on demand, are left out. */
function bodyOf({ markup }: Html): string {
  const inside = markup.slice(markup.indexOf('>') + 1, markup.lastIndexOf('</svg>'));
  return inside.replace(/<path class="selectivity"[^>]*\/>/g, '').replace(/<g class="selectivity"[^>]*>.*?<\/g>/g, '');
}

type Key = { readonly item: LegendItem; readonly x: number };

/** Legend items in rows that fit the width; texts are measured roughly, at 6.3 units a character. */
function legendRows(items: readonly LegendItem[], width: number): Key[][] {
  const rows: Key[][] = [];
  let x = Number.POSITIVE_INFINITY;
  for (const item of items) {
    const own = 34 + item.label.length * 6.3 + 16;
    if (x + own > width) {
      rows.push([]);
      x = 0;
    }
    rows.at(-1)!.push({ item, x });
    x += own;
  }
  return rows;
}

function keyMarkup({ item, x }: Key, y: number): Html {
  const { color, dash, label, shape, band } = item;
  const sample =
    band === true
      ? html`<rect x="${MARGIN + x}" y="${y + 2}" width="28" height="8" fill="${color}" opacity="0.5"/>`
      : shape === undefined
        ? html`<line x1="${MARGIN + x}" x2="${MARGIN + x + 28}" y1="${y + 6}" y2="${y + 6}" stroke="${color}" stroke-width="2"${dash ? html` stroke-dasharray="${dash.join(' ')}"` : null}/>`
        : html`<circle cx="${MARGIN + x + 22}" cy="${y + 6}" r="4" fill="${color}"/>`;
  return html`${sample}<text x="${MARGIN + x + 34}" y="${y + 10}" font-size="11" fill="${THEME.ink}">${label}</text>`;
}
