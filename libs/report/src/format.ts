import { type Html, html } from './html.ts';
import type { Estimate, ReportedModel } from './model.ts';

/** A number with a fixed count of decimals and a true minus sign, the same in every locale. */
export function fixed(value: number, decimals = 2): string {
  const text = value.toFixed(decimals);
  return Number(text) === 0 ? text.replace('-', '') : text.replace('-', '−');
}

/** Decimals that suit numbers of this size: four significant digits at most, for quantities with a unit. */
export function decimalsFor(value: number): number {
  const size = Math.abs(value);
  return size >= 100 ? 0 : size >= 10 ? 1 : 2;
}

/** "–" that says why. */
export function missing(reason = 'not available'): Html {
  return html`<span class="null" title="${reason}">–<span class="vh"> (${reason})</span></span>`;
}

export function number(value: number | null | undefined, decimals = 2, reason?: string): Html {
  return value === null || value === undefined ? missing(reason) : html`${fixed(value, decimals)}`;
}

/** A value with its interval behind it. */
export function estimate(item: Estimate | undefined, decimals = 2): Html {
  if (!item || item.value === null) return missing(item?.reason);
  const { low, high } = item;
  const interval =
    low === null || low === undefined || high === null || high === undefined
      ? null
      : html` <small>[${fixed(low, decimals)}, ${fixed(high, decimals)}]</small>`;
  return html`${fixed(item.value, decimals)}${interval}`;
}

export function percent(share: number | null, reason?: string): Html {
  return share === null ? missing(reason) : html`${fixed(share * 100, share > 0 && share < 0.1 ? 1 : 0)} %`;
}

/** "260,000", "1.2 million", "7 billion". */
export function count(value: number): string {
  if (value >= 1e9) return `${Number((value / 1e9).toPrecision(2))} billion`;
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(2))} million`;
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ',');
}

export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}

/** `SEXUALLY_EXPLICIT` as "Sexually explicit"; `length` as "Text length". */
export function attributeLabel(name: string): string {
  if (name === 'length') return 'Text length';
  const words = name.toLowerCase().replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** Labels of at most `length` characters, cut in the middle, and still different from one another. */
export function shortLabels(labels: readonly string[], length: number): string[] {
  const used = new Set<string>();
  return labels.map((label) => {
    let short = cut(label, length);
    for (let n = 2; used.has(short); n++) short = `${cut(label, length - 3)} ${n}`;
    used.add(short);
    return short;
  });
}

function cut(text: string, length: number): string {
  const characters = [...text];
  if (characters.length <= length) return text;
  const tail = Math.floor((length - 1) / 2);
  return `${characters.slice(0, length - 1 - tail).join('')}…${characters.slice(-tail).join('')}`;
}

/** The label of a model by its name; a name that the report does not list is its own label. */
export function labeller(models: readonly ReportedModel[]): (name: string) => string {
  const labels = new Map(models.map((model) => [model.name, model.label]));
  return (name) => labels.get(name) ?? name;
}

/** The attribute that a report is about first, where these have it; else the first of these. */
export function mainOf(names: readonly string[], attribute: string | undefined): string | undefined {
  return attribute !== undefined && names.includes(attribute) ? attribute : names[0];
}

/** Distinct values in the order in which they first appear. */
export function distinct<T>(values: Iterable<T>): T[] {
  return [...new Set(values)];
}

/** Text for the intervals of a section, or nothing. */
export function intervalText(interval: { level?: number; method: string; resamples?: number } | undefined): string {
  if (!interval) return '';
  const resamples = interval.resamples === undefined ? '' : `, ${count(interval.resamples)} resamples`;
  const level = interval.level === undefined ? '' : `${fixed(interval.level * 100, 0)} %, `;
  return ` Intervals: ${level}${interval.method}${resamples}.`;
}
