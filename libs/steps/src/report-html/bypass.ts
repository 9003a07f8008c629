import { groupBy, type JsonObject } from '@sonde/base';
import type { RowOf, SUMMARY } from '@sonde/formats';
import type { BypassRow, BypassSection } from '@sonde/report';
import { holm } from '@sonde/statistics';
import { bootstrapMethod, TEXT_MEASURES } from './behavior.ts';
import { numberAxes } from './numbers.ts';
import { estimateOf, type ModelRows } from './rows.ts';

type SummaryRow = RowOf<typeof SUMMARY>;

/** What the tables of interventions are drawn over: blocks, or what else of them are numbers; undefined for neither. */
export function interventionAxis(tables: readonly Pick<ModelRows<SummaryRow>, 'source'>[]): string | undefined {
  const sources = tables.map(({ source }) => source);
  if (sources.some(({ axes }) => typeof axes.block === 'number')) return 'block';
  const varying = numberAxes(sources).map(({ axis }) => axis);
  const numbers = [...new Set(sources.flatMap(({ axes }) => Object.keys(axes)))].filter((axis) =>
    sources.every(({ axes }) => typeof axes[axis] === 'number'),
  );
  return varying.find((axis) => numbers.includes(axis)) ?? numbers.find((axis) => axis !== 'seed');
}

/** The effect of bypassing each block, beside the harm it does to the text. */
export function bypassSection(
  changed: readonly ModelRows<SummaryRow>[],
  whole: readonly ModelRows<SummaryRow>[],
  config: JsonObject,
): BypassSection | undefined {
  if (changed.length === 0) return undefined;
  const interval = bootstrapMethod(config);
  const axis = interventionAxis(changed);
  const tables = changed.flatMap((table) => {
    const value = axis === undefined ? undefined : table.source.axes[axis];
    return typeof value === 'number' ? [{ ...table, block: value }] : [];
  });
  const rows = adjustedOverBlocks(
    tables.flatMap(({ model, block, rows: all }) =>
      all.flatMap((row) => (row.metric === 'delta_emt' ? [rowOf(model, block, row)] : [])),
    ),
  );
  if (rows.length === 0) return undefined;
  const harmOf = (model: string, block: number | null, all: readonly SummaryRow[]) =>
    all
      .filter(({ metric }) => TEXT_MEASURES.some(({ name }) => name === metric))
      .map((row) => ({ model, block, measure: row.metric, value: estimateOf(row) }));
  const models = new Set(tables.map(({ model }) => model));
  const harm = [
    ...whole.filter(({ model }) => models.has(model)).flatMap(({ model, rows: all }) => harmOf(model, null, all)),
    ...tables.flatMap(({ model, block, rows: all }) => harmOf(model, block, all)),
  ];
  const left = changed.length - tables.length;
  return {
    k: tables[0]!.rows[0]!.k,
    rows,
    measures: TEXT_MEASURES.filter(({ name }) => harm.some(({ measure }) => measure === name)),
    harm,
    ...(axis !== undefined && axis !== 'block' && { axis }),
    ...(interval && { interval }),
    ...(left > 0 && { notes: [`${left} tables without a number along ${axis} are not drawn.`] }),
  };
}

function rowOf(model: string, block: number, row: SummaryRow): BypassRow {
  const { attribute, group, p, effect_size, scored } = row;
  return {
    model,
    attribute: attribute ?? '',
    group,
    block,
    deltaEmt: estimateOf(row),
    p,
    adjusted: p,
    effect: effect_size,
    prompts: scored,
  };
}

/** Holm's correction over the blocks of each model, attribute and group of prompts. */
function adjustedOverBlocks(rows: readonly BypassRow[]): BypassRow[] {
  const groups = groupBy(rows, ({ model, attribute, group }) => JSON.stringify([model, attribute, group]));
  return [...groups.values()].flatMap((own) => {
    const adjusted = holm(own.map(({ p }) => p));
    return own.map((row, i) => ({ ...row, adjusted: adjusted[i]! }));
  });
}
