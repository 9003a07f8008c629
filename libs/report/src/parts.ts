import { csvLines, type Table, tableFromRows } from '@sonde/tables';
import type { Figure } from './figure.ts';
import { count, plural } from './format.ts';
import { type Html, html } from './html.ts';
import type { LegendItem, Panel } from './panel.ts';

export type { LegendItem, Panel } from './panel.ts';

/** A section with its heading, reachable from the contents list. */
export type Section = {
  readonly id: string;
  readonly title: string;
  readonly short: string;
  readonly body: Html;
  /** What of it is also given as files of its own. */
  readonly figures?: readonly Figure[];
  /** What its numbers do not cover, or cannot be compared in, in plain text: for the summary. */
  readonly said?: readonly string[];
  /** Its numbers in a few Markdown tables, for the summary. */
  readonly summary?: readonly SummaryTable[];
};

/** A table of the summary: cells are plain text. */
export type SummaryTable = {
  readonly caption: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
};

export function sectionMarkup({ id, title, body }: Section): Html {
  return html`<section id="${id}" aria-labelledby="${id}-title"><h2 id="${id}-title">${title}</h2>${body}</section>`;
}

export function notes(texts: readonly string[] | undefined): Html | null {
  if (!texts || texts.length === 0) return null;
  return html`<ul class="notes">${texts.map((text) => html`<li>${text}</li>`)}</ul>`;
}

/** What words mean, each with its explanation; nothing for none. */
export function terms(items: readonly (readonly [name: string, meaning: string])[]): Html | null {
  if (items.length === 0) return null;
  return html`<dl class="terms">${items.map(([name, meaning]) => html`<div><dt>${name}</dt><dd>${meaning}</dd></div>`)}</dl>`;
}

export type TableMarkup = {
  readonly caption: string;
  readonly head: readonly (Html | string)[];
  readonly rows: readonly (readonly (Html | string)[])[];
  /** How many leading cells of a row are its headers. */
  readonly headers?: number;
  /** Shown in the page rather than for screen readers alone. */
  readonly captionShown?: boolean;
};

/** A table in a frame of its own that scrolls sideways where the page is narrow. */
export function tableMarkup({ caption, head, rows, headers = 1, captionShown = false }: TableMarkup): Html {
  const cells = (row: readonly (Html | string)[]) =>
    row.map((cell, i) => (i < headers ? html`<th scope="row">${cell}</th>` : html`<td>${cell}</td>`));
  return html`<div class="scroll" role="region" aria-label="${caption}" tabindex="0"><table><caption${captionShown ? null : html` class="vh"`}>${caption}</caption><thead><tr>${head.map(
    (cell, i) => (i < headers ? html`<th scope="col">${cell}</th>` : html`<th scope="col" class="n">${cell}</th>`),
  )}</tr></thead><tbody>${rows.map((row) => html`<tr>${cells(row)}</tr>`)}</tbody></table></div>`;
}

/** The numbers behind a plot and the step kinds that made them: a table to read, and files to take along. */
export function dataBlock(
  name: string,
  steps: readonly string[],
  records: readonly Readonly<Record<string, unknown>>[],
  shown: TableMarkup,
): Html {
  const table = tableOf(records);
  return html`<details class="data"><summary>Data <span class="muted">${plural(table.rowCount, 'row')}, from ${steps.join(' and ')}</span></summary><p class="files">${downloads(name, table)}</p>${tableMarkup(shown)}</details>`;
}

/**
 * A record as its files have it. Six significant digits are more than any of these numbers mean (the artifacts keep them
 * all), and half a surrogate pair, which no file can hold, is U+FFFD as on the page.
 */
function forFiles(record: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const written = (value: unknown): unknown => {
    if (typeof value === 'number') return Number(value.toPrecision(6));
    return typeof value === 'string' ? value.replace(/\p{Surrogate}/gu, '\uFFFD') : value;
  };
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, written(value)]));
}

function tableOf(records: readonly Readonly<Record<string, unknown>>[]): Table {
  return tableFromRows(records.map(forFiles));
}

/** Records as a CSV file. */
export function csvOf(records: readonly Readonly<Record<string, unknown>>[]): string {
  return [...csvLines(tableOf(records))].join('');
}

function downloads(name: string, table: Table): Html {
  const csv = [...csvLines(table)].join('');
  const data = Array.from({ length: table.rowCount }, (_, row) => table.columns.map((column) => column.values[row]));
  const json = JSON.stringify({ columns: table.columns.map((column) => column.name), data });
  const link = (type: string, extension: string, text: string, label: string) =>
    html`<a download="${name}.${extension}" href="data:${type};base64,${Buffer.from(text).toString('base64')}">${label}</a>`;
  return html`${link('text/csv', 'csv', csv, 'Download CSV')} ${link('application/json', 'json', json, 'Download JSON')}`;
}

export type Choice = { readonly label: string; readonly content: Html };

/**
 * One of several contents at a time. Without script each is a folded part of the page and the first is open; the
 * page's script turns them into a row of buttons.
 */
export function choices(legend: string, items: readonly Choice[]): Html {
  const [only, ...others] = items;
  if (!only) return html``;
  if (others.length === 0) return only.content;
  return html`<div class="choices" data-legend="${legend}">${items.map(
    ({ label, content }, i) =>
      html`<details class="choice"${i === 0 ? html` open` : null}><summary>${label}</summary>${content}</details>`,
  )}</div>`;
}

/** What lines and marks mean, once for a group of panels. */
export function legend(items: readonly LegendItem[]): Html {
  return html`<ul class="legend">${items.map((item) => html`<li${item.class ? html` class="${item.class}"` : null}>${sample(item)}${item.label}</li>`)}</ul>`;
}

function sample({ color, dash, shape, band }: LegendItem): Html {
  if (band === true) {
    return html`<svg class="key" viewBox="0 0 28 8" width="28" height="8" aria-hidden="true"><rect width="28" height="8" fill="${color}" opacity="0.5"/></svg>`;
  }
  if (shape) {
    const path = SHAPES[shape] ?? SHAPES.circle;
    return html`<svg class="key" viewBox="-7 -7 14 14" width="14" height="14" aria-hidden="true"><path d="${path}" fill="${color}"/></svg>`;
  }
  return html`<svg class="key" viewBox="0 0 28 8" width="28" height="8" aria-hidden="true"><line x1="0" y1="4" x2="28" y2="4" stroke="${color}" stroke-width="2"${dash ? html` stroke-dasharray="${dash.join(' ')}"` : null}/></svg>`;
}

const SHAPES: Readonly<Record<string, string>> = {
  circle: 'M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0',
  'triangle-up': 'M0 -4.5L4.5 4H-4.5Z',
  square: 'M-3.6 -3.6H3.6V3.6H-3.6Z',
};

/** Panels side by side; on a narrow screen they scroll sideways, on paper they wrap. */
export function strip(label: string, panels: readonly Panel[]): Html {
  return html`<div class="strip" role="group" aria-label="${label}" tabindex="0">${panels.map(panelMarkup)}</div>`;
}

/** Panels in as many columns as fit. */
export function grid(panels: readonly Panel[]): Html {
  return html`<div class="grid">${panels.map(panelMarkup)}</div>`;
}

function panelMarkup({ caption, drawing }: Panel): Html {
  return html`<figure><figcaption>${caption}</figcaption>${drawing}</figure>`;
}

/** What a screen reader says of a course over layers: its ends and its peak. */
export function describeCourse(
  what: string,
  points: readonly { x: number; y: number | null }[],
  unit = 'layer',
): string {
  const known = points.filter((point): point is { x: number; y: number } => point.y !== null);
  const first = known[0];
  const last = known.at(-1);
  if (!first || !last) return `${what}: no values`;
  const peak = known.reduce((best, point) => (point.y > best.y ? point : best), first);
  const at = (point: { x: number; y: number }) =>
    `${Number(point.y.toPrecision(3))} at ${unit} ${Number(point.x.toPrecision(3))}`;
  return `${what}: ${at(first)}, highest ${at(peak)}, ${at(last)} (${count(known.length)} points)`;
}
