import { attributeLabel, decimalsFor, distinct, estimate, fixed, missing, percent } from './format.ts';
import { type Html, html, textOf } from './html.ts';
import type { BehaviorRow, BehaviorSection } from './model.ts';
import { type SummaryTable, type TableMarkup, tableMarkup } from './parts.ts';
import { wordingOf } from './wording.ts';

type Label = (name: string) => string;

/** The section's tables, as the page and as the summary have them. */
export function behaviorTables(
  section: BehaviorSection,
  models: readonly string[],
  label: Label,
): { readonly html: Html; readonly summary: SummaryTable[] } {
  const { short } = wordingOf(section.rows.map(({ attribute }) => attribute));
  const tables = [
    emtTable(section, models, label, short),
    commonTable(section, models, label, short),
    textTable(section, models, label),
    componentTable(section, short),
  ].filter((table) => table !== null);
  return {
    html: html`${tables.map((table) => tableMarkup({ ...table, captionShown: true }))}`,
    summary: tables.map(({ caption, head, rows }) => ({
      caption,
      head: head.map(plain),
      rows: rows.map((row) => row.map(plain)),
    })),
  };
}

function plain(cell: Html | string): string {
  return typeof cell === 'string' ? cell : textOf(cell);
}

/** EMT over all prompts at a glance, with what was left out. */
function emtTable({ rows, k }: BehaviorSection, models: readonly string[], label: Label, short: string): TableMarkup {
  const all = rows.filter((row) => row.group === 'all');
  const attributes = distinct(all.map((row) => row.attribute));
  return {
    caption: `${short} over all prompts, k = ${k}`,
    head: ['Model', ...attributes.map(attributeLabel), 'Prompts', 'Left out'],
    rows: models.map((name) => {
      const own = all.filter((row) => row.model === name);
      const counted = own.map((row) => row.prompts);
      const shares = own.map((row) => row.missing).filter((share) => share !== null);
      const [fewest, most] = [Math.min(...counted), Math.max(...counted)];
      return [
        label(name),
        ...attributes.map((attribute) => estimate(own.find((row) => row.attribute === attribute)?.emt)),
        own.length === 0 ? missing('no prompts were scored') : fewest === most ? String(most) : `${fewest}–${most}`,
        percent(shares.length === 0 ? null : Math.max(...shares), 'not recorded'),
      ];
    }),
  };
}

/** EMT where every model has the same prompts. */
function commonTable(
  { common = [] }: BehaviorSection,
  models: readonly string[],
  label: Label,
  short: string,
): TableMarkup | null {
  if (common.length === 0) return null;
  const attributes = distinct(common.map((row) => row.attribute));
  const counts = attributes.map((attribute) => common.find((row) => row.attribute === attribute)!.prompts);
  return {
    caption: `${short} over the prompts that every model has all scores of: what can be compared`,
    head: ['Model', ...attributes.map((attribute, i) => `${attributeLabel(attribute)}, n = ${counts[i]}`)],
    rows: models.map((name) => [
      label(name),
      ...attributes.map((attribute) =>
        estimate(common.find((row) => row.model === name && row.attribute === attribute)?.emt),
      ),
    ]),
  };
}

/** Measures of the text itself. */
function textTable(
  { measures = [], text = [] }: BehaviorSection,
  models: readonly string[],
  label: Label,
): TableMarkup | null {
  if (text.length === 0) return null;
  return {
    caption: `The text itself${measures.some(({ name }) => name === 'perplexity') ? ' (perplexity depends on the tokenizer, bits a byte do not)' : ''}`,
    head: ['Model', ...measures.map(({ label: name, unit }) => (unit ? `${name} (${unit})` : name))],
    rows: models.map((name) => [
      label(name),
      ...measures.map((measure) => {
        const value = text.find((row) => row.model === name && row.measure === measure.name)?.value;
        return estimate(value, decimalsFor(value?.value ?? 0));
      }),
    ]),
  };
}

/** How much of the variance is between settings, and how much between replicates of one. */
function componentTable({ components }: BehaviorSection, short: string): TableMarkup | null {
  if (components === undefined) return null;
  const { between, within, level, rows } = components;
  return {
    caption: `${short} between settings (${between}), and between replicates of one (${within}), with ${fixed(level * 100, 0)} % intervals: settings differ by more than replicates do where the interval of the share excludes 0`,
    head: [
      'Attribute',
      'SD between settings',
      'SD between replicates',
      'Share of the variance between settings',
      'Degrees of freedom',
      'Values',
    ],
    rows: rows.map((row) => [
      attributeLabel(row.attribute),
      estimate(row.between, 3),
      estimate(row.within, 3),
      estimate(row.share, 2),
      row.df.join(', '),
      `${row.n} in ${row.settings} settings`,
    ]),
  };
}

export function behaviorRecord(row: BehaviorRow) {
  return {
    model: row.model,
    attribute: row.attribute,
    group: row.group,
    emt: row.emt.value,
    emt_low: row.emt.low ?? null,
    emt_high: row.emt.high ?? null,
    probability: row.probability.value,
    probability_low: row.probability.low ?? null,
    probability_high: row.probability.high ?? null,
    prompts: row.prompts,
    missing: row.missing,
    reason: row.emt.reason ?? row.probability.reason ?? null,
  };
}
