import { attributeLabel, decimalsFor, estimate, number } from './format.ts';
import type { BypassRow, BypassSection, HarmRow } from './model.ts';
import type { TableMarkup } from './parts.ts';
import type { Wording } from './wording.ts';

/** The numbers behind a model's panels, as a table to read. */
export function bypassData(
  section: BypassSection,
  { title, axis, wording }: { readonly title: string; readonly axis: string; readonly wording: Wording },
  rows: readonly BypassRow[],
  harm: readonly HarmRow[],
): TableMarkup {
  const labelOf = (name: string) => section.measures.find((measure) => measure.name === name)?.label ?? name;
  return {
    caption: `${title}: effect of each ${axis.toLowerCase()}`,
    head: ['Measure', 'Prompts', axis, 'Value', 'p', 'Holm’s p', 'Effect size', 'n'],
    headers: 3,
    rows: [
      ...rows.map((row) => [
        `Change of ${wording.short}, ${attributeLabel(row.attribute)}`,
        wording.groups[row.group],
        String(row.block),
        estimate(row.deltaEmt, 3),
        number(row.p, 3, 'not recorded'),
        number(row.adjusted, 3, 'not recorded'),
        number(row.effect, 2, 'the differences do not vary'),
        String(row.prompts),
      ]),
      ...harm.map((row) => [
        labelOf(row.measure),
        'all',
        row.block === null ? 'none' : String(row.block),
        estimate(row.value, decimalsFor(row.value.value ?? 0)),
        '',
        '',
        '',
        '',
      ]),
    ],
  };
}

/** The same as its files have them: a row a number. */
export function bypassRecords(rows: readonly BypassRow[], harm: readonly HarmRow[]) {
  return [...rows.map(deltaRecord), ...harm.map(harmRecord)];
}

function deltaRecord(row: BypassRow) {
  const { value, low = null, high = null, reason = null } = row.deltaEmt;
  return {
    model: row.model,
    measure: 'delta_emt',
    attribute: row.attribute,
    group: row.group,
    block: row.block,
    value,
    low,
    high,
    p: row.p,
    p_holm: row.adjusted,
    effect_size: row.effect,
    prompts: row.prompts,
    reason,
  };
}

function harmRecord(row: HarmRow) {
  const { value, low = null, high = null, reason = null } = row.value;
  const untested = { p: null, p_holm: null, effect_size: null, prompts: null };
  return {
    model: row.model,
    measure: row.measure,
    attribute: null,
    group: 'all',
    block: row.block,
    value,
    low,
    high,
    ...untested,
    reason,
  };
}
