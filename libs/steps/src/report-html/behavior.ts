import type { JsonObject } from '@sonde/base';
import type { RowOf, SUMMARY } from '@sonde/formats';
import type { BehaviorSection, BypassSection, IntervalMethod } from '@sonde/report';
import { estimateOf, type ModelRows } from './rows.ts';

type SummaryRow = RowOf<typeof SUMMARY>;

/** How `behavior/summarize` made its intervals. */
export function bootstrapMethod(config: JsonObject): IntervalMethod | undefined {
  const bootstrap = config.bootstrap as { level: number; resamples: number } | undefined;
  return (
    bootstrap && { level: bootstrap.level, resamples: bootstrap.resamples, method: 'percentile bootstrap over prompts' }
  );
}

function rowFor(rows: readonly SummaryRow[], metric: string, like: SummaryRow): SummaryRow | undefined {
  return rows.find((row) => row.metric === metric && row.attribute === like.attribute && row.group === like.group);
}

/** EMT and toxicity probability of each model. */
export function behaviorSection(
  tables: readonly ModelRows<SummaryRow>[],
  config: JsonObject,
  scorer: string,
): BehaviorSection | undefined {
  const interval = bootstrapMethod(config);
  const rows = tables.flatMap(({ model, rows: all }) =>
    all.flatMap((row) => {
      const { metric, attribute, group, scored, prompts } = row;
      if (metric !== 'emt' || attribute === null) return [];
      return {
        model,
        attribute,
        group,
        emt: estimateOf(row),
        probability: estimateOf(rowFor(all, 'toxicity_probability', row) ?? row),
        prompts: scored,
        missing: prompts === 0 ? null : 1 - scored / prompts,
      };
    }),
  );
  if (rows.length === 0) return undefined;
  const k = distinctOf(tables, ({ k }) => k).join(', ');
  const differing = differencesOf(tables);
  const twoScorers = twoScorersOf(tables);
  const notes = tables.flatMap(notesOf);
  return {
    k,
    threshold: 0.5,
    scorer,
    rows,
    ...(differing.length > 0 && { incomparable: differing }),
    ...(twoScorers.length > 0 && { twoScorers }),
    ...(interval && { interval }),
    ...(notes.length > 0 && { notes }),
  };
}

/** What EMT was made with is what models are compared under. */
function isEmt({ metric }: SummaryRow): boolean {
  return metric === 'emt';
}

function distinctOf<T>(tables: readonly ModelRows<SummaryRow>[], read: (row: SummaryRow) => T | null): T[] {
  const found = tables.flatMap(({ rows }) => rows.filter(isEmt).map(read)).filter((value) => value !== null);
  return [...new Set(found)];
}

/** In what the summaries were made differently, so that their numbers cannot be compared, with the names of each. */
function differencesOf(tables: readonly ModelRows<SummaryRow>[]): string[] {
  const conditions = [
    { what: 'continuations a prompt (k)', read: (row: SummaryRow) => row.k },
    { what: 'scorer', read: (row: SummaryRow) => row.scorer },
    { what: 'prompts', read: (row: SummaryRow) => row.prompt_set },
  ];
  return conditions.flatMap(({ what, read }) => {
    const values = distinctOf<string | number>(tables, read);
    if (values.length < 2) return [];
    const of = values.map((value) => {
      const own = tables
        .filter(({ rows }) => rows.some((row) => isEmt(row) && read(row) === value))
        .map(({ model }) => model);
      return `${value}: ${own.slice(0, 3).join('; ')}${own.length > 3 ? '; …' : ''}`;
    });
    return [`They differ in ${what} (${of.join(' | ')}).`];
  });
}

/** Which scorers' scores of prompts and of continuations are brought together, each pair once. */
function twoScorersOf(tables: readonly ModelRows<SummaryRow>[]): string[] {
  const pairs = distinctOf(tables, ({ scorer, prompt_scorer }) =>
    prompt_scorer === null || prompt_scorer === undefined || prompt_scorer === scorer
      ? null
      : `Prompts: ${prompt_scorer}; continuations: ${scorer ?? 'an unnamed scorer'}.`,
  );
  return pairs;
}

/** What the numbers of a model do not cover. */
function notesOf({ model, rows }: ModelRows<SummaryRow>): string[] {
  const emt = rows.filter(({ metric, group }) => metric === 'emt' && group === 'all');
  const missing = Math.max(0, ...emt.map((row) => row.missing ?? 0));
  const unmatched = Math.max(0, ...emt.map((row) => row.unmatched ?? 0));
  const empty = Math.max(0, ...emt.map((row) => row.empty ?? 0));
  return [
    ...(empty > 0 ? [emptyNote(model, empty, rows)] : []),
    ...(missing > 0 ? [`${model}: ${percent(missing)} of the continuations have no score.`] : []),
    ...(unmatched > 0 ? [`${model}: ${unmatched} rows of scores belong to no continuation and were left out.`] : []),
  ];
}

/** What became of continuations without a text, and what EMT is without them. */
function emptyNote(model: string, share: number, rows: readonly SummaryRow[]): string {
  const of = (name: string) => rows.find(({ metric, group }) => metric === name && group === 'all');
  const [emt, available] = [of('emt'), of('emt_available')];
  const beside =
    emt?.value == null || available?.value == null || emt.value.toFixed(3) === available.value.toFixed(3)
      ? ''
      : ` Over the others alone EMT of ${emt.attribute} is ${available.value.toFixed(3)}, not ${emt.value.toFixed(3)}.`;
  const counted = (emt?.missing ?? 0) > 0 ? 'have no score' : 'are counted as 0';
  return `${model}: ${percent(share)} of the continuations have no text (an immediate end of text) and ${counted}.${beside}`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;
}

const MEASURES = [
  { name: 'perplexity', label: 'Perplexity of the prompts' },
  { name: 'distinct_2', label: 'distinct-2' },
  { name: 'tokens', label: 'Length', unit: 'tokens' },
];

/** The effect of bypassing each block, beside the harm it does to the text. */
export function bypassSection(
  bypassed: readonly ModelRows<SummaryRow>[],
  whole: readonly ModelRows<SummaryRow>[],
  config: JsonObject,
): BypassSection | undefined {
  const interval = bootstrapMethod(config);
  const blockOf = ({ source }: ModelRows<SummaryRow>): number | undefined => {
    const { block } = source.axes;
    return typeof block === 'number' ? block : undefined;
  };
  const tables = bypassed.flatMap((table) => {
    const block = blockOf(table);
    return block === undefined ? [] : [{ ...table, block }];
  });
  const rows = tables.flatMap(({ model, block, rows: all }) =>
    all.flatMap((row) => {
      const { metric, group, attribute } = row;
      if (metric !== 'delta_emt' || group !== 'all' || attribute === null) return [];
      return { model, attribute, block, deltaEmt: estimateOf(row) };
    }),
  );
  if (rows.length === 0) return undefined;
  const harmOf = (model: string, block: number | null, all: readonly SummaryRow[]) =>
    all
      .filter(({ metric }) => MEASURES.some(({ name }) => name === metric))
      .map((row) => ({ model, block, measure: row.metric, value: estimateOf(row) }));
  const models = new Set(tables.map(({ model }) => model));
  const harm = [
    ...whole.filter(({ model }) => models.has(model)).flatMap(({ model, rows: all }) => harmOf(model, null, all)),
    ...tables.flatMap(({ model, block, rows: all }) => harmOf(model, block, all)),
  ];
  return {
    k: tables[0]!.rows[0]!.k,
    rows,
    measures: MEASURES.filter(({ name }) => harm.some(({ measure }) => measure === name)),
    harm,
    ...(interval && { interval }),
  };
}
