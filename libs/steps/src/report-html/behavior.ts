import { groupBy, type JsonObject } from '@sonde/base';
import { isSameScorer, type RowOf, type SUMMARY } from '@sonde/formats';
import {
  attributeLabel,
  type BehaviorSection,
  type Curve,
  type IntervalMethod,
  type Measure,
  type TextRow,
  wordingOf,
} from '@sonde/report';
import { estimateOf, type ModelRows } from './rows.ts';

type SummaryRow = RowOf<typeof SUMMARY>;

/** How a step that was configured so made its intervals. */
export function bootstrapMethod(config: JsonObject): IntervalMethod | undefined {
  const bootstrap = config.bootstrap as { level: number; resamples: number; method?: string } | undefined;
  if (bootstrap === undefined) return undefined;
  const { level, resamples, method = 'percentile' } = bootstrap;
  return { level, resamples, method: `${method === 'bca' ? 'BCa' : method} bootstrap over prompts` };
}

function rowFor(rows: readonly SummaryRow[], metric: string, like: SummaryRow): SummaryRow | undefined {
  return rows.find((row) => row.metric === metric && row.attribute === like.attribute && row.group === like.group);
}

/** The expected maximum and the probability of a high score, of each model. */
export function behaviorSection(
  tables: readonly ModelRows<SummaryRow>[],
  config: JsonObject,
  scorer: string | undefined,
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
        probability: estimateOf(rowFor(all, 'probability', row) ?? row),
        prompts: scored,
        missing: prompts === 0 ? null : 1 - scored / prompts,
      };
    }),
  );
  if (rows.length === 0) return undefined;
  const k = distinctOf(tables, ({ k }) => k).join(', ');
  const modes = distinctOf(tables, ({ mode }) => mode);
  const differing = differencesOf(tables);
  const notes = [...unnamedNotes(tables), ...emptyNotes(tables), ...tables.flatMap(notesOf)];
  const scorers = distinctOf(tables, (row) => row.scorer);
  const text = textRows(tables);
  const curves = emtCurves(tables);
  const twoScorers = twoScorersOf(tables);
  return {
    k,
    threshold: 0.5,
    mode: modes.length === 1 ? modes[0]! : 'mixed',
    scorer: scorer ?? (scorers.length === 0 ? 'a scorer that the scores do not name' : scorers.join(' and ')),
    rows,
    ...(curves.length > 0 && { curves }),
    ...(text.length > 0 && {
      text,
      measures: TEXT_MEASURES.filter(({ name }) => text.some(({ measure }) => measure === name)),
    }),
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
    { what: 'mode', read: (row: SummaryRow) => row.mode },
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
    prompt_scorer === null || prompt_scorer === undefined || isSameScorer(prompt_scorer, scorer ?? '')
      ? null
      : `Prompts: ${prompt_scorer}; continuations: ${scorer ?? 'an unnamed scorer'}.`,
  );
  return pairs;
}

/** Whose groups of prompts rest on scores that nobody signed. */
function unnamedNotes(tables: readonly ModelRows<SummaryRow>[]): string[] {
  const divided = tables.flatMap(({ rows }) => rows.filter((row) => isEmt(row) && row.group !== 'all'));
  return divided.some(({ scorer, prompt_scorer }) => scorer !== null && prompt_scorer == null)
    ? [
        'The prompts’ own scores come with their table, which does not say who gave them: they and the continuations’ may be on two scales.',
      ]
    : [];
}

/** What the numbers of a model do not cover. */
function notesOf({ model, rows }: ModelRows<SummaryRow>): string[] {
  const emt = rows.filter(({ metric, group }) => metric === 'emt' && group === 'all');
  const missing = Math.max(0, ...emt.map((row) => row.missing ?? 0));
  const unmatched = Math.max(0, ...emt.map((row) => row.unmatched ?? 0));
  return [
    ...(missing > 0 ? [`${model}: ${percent(missing)} of the continuations have no score.`] : []),
    ...(unmatched > 0 ? [`${model}: ${unmatched} rows of scores belong to no continuation and were left out.`] : []),
  ];
}

/** Of more models than this what they share is said once. */
const EACH = 3;

/** Continuations without a text: of each model, or of all together where there are many. */
function emptyNotes(tables: readonly ModelRows<SummaryRow>[]): string[] {
  const silent = tables.flatMap(({ model, rows }) => {
    const shares = rows.filter(({ metric, group }) => metric === 'emt' && group === 'all').map((row) => row.empty ?? 0);
    const share = Math.max(0, ...shares);
    return share > 0 ? [{ model, share, rows }] : [];
  });
  if (silent.length <= EACH) return silent.map(({ model, share, rows }) => emptyNote(model, share, rows));
  const shares = silent.map(({ share }) => share);
  const what = tables.some(({ source }) => Object.keys(source.axes).some((axis) => axis !== 'model'))
    ? 'settings'
    : 'models';
  const gains = silent.flatMap(({ rows }) => {
    const of = (name: string) => rows.find(({ metric, group }) => metric === name && group === 'all')?.value;
    const [emt, available] = [of('emt'), of('emt_available')];
    return emt == null || available == null ? [] : [available - emt];
  });
  const beside =
    gains.length === 0
      ? ''
      : ` Over the others alone the expected maximum is higher by ${Math.max(...gains).toFixed(3)} at most.`;
  return [
    `Of ${silent.length} of ${tables.length} ${what} ${percent(Math.min(...shares))} to ${percent(Math.max(...shares))} of the continuations have no text (an immediate end of text); ${missingIn(silent)}.${beside}`,
  ];
}

function missingIn(silent: readonly { readonly rows: readonly SummaryRow[] }[]): string {
  const missing = silent.some(({ rows }) =>
    rows.some(({ metric, missing: share }) => metric === 'emt' && (share ?? 0) > 0),
  );
  return missing ? 'they have no score' : 'they are counted as 0';
}

/** What became of continuations without a text, and what EMT is without them. */
function emptyNote(model: string, share: number, rows: readonly SummaryRow[]): string {
  const of = (name: string) => rows.find(({ metric, group }) => metric === name && group === 'all');
  const [emt, available] = [of('emt'), of('emt_available')];
  const beside =
    emt?.value == null || available?.value == null || emt.value.toFixed(3) === available.value.toFixed(3)
      ? ''
      : ` Over the others alone the expected maximum of ${emt.attribute} is ${available.value.toFixed(3)}, not ${emt.value.toFixed(3)}.`;
  const counted = (emt?.missing ?? 0) > 0 ? 'have no score' : 'are counted as 0';
  return `${model}: ${percent(share)} of the continuations have no text (an immediate end of text) and ${counted}.${beside}`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;
}

/** Measures of the text itself, in the order to be shown. */
export const TEXT_MEASURES: readonly Measure[] = [
  { name: 'perplexity', label: 'Perplexity of the prompts' },
  { name: 'bits_per_byte', label: 'Bits a byte, of the prompts' },
  { name: 'continuation_bits_per_byte', label: 'Bits a byte, of its own text' },
  { name: 'distinct_2', label: 'distinct-2' },
  { name: 'tokens', label: 'Length', unit: 'tokens' },
];

/** EMT at each smaller k, a panel an attribute; nothing where there is one k only. */
function emtCurves(tables: readonly ModelRows<SummaryRow>[]): Curve[] {
  const rows = tables.flatMap(({ model, rows: all }) =>
    all.filter(({ metric }) => metric === 'emt_curve').map((row) => ({ model, row })),
  );
  if (new Set(rows.map(({ row }) => row.k)).size < 2) return [];
  return [...groupBy(rows, ({ row }) => row.attribute ?? '')].map(([attribute, own]) => ({
    measure: `emt ${attribute}`,
    caption: attributeLabel(attribute),
    unit: wordingOf(rows.map(({ row }) => row.attribute ?? '')).short,
    share: true,
    points: own.map(({ model, row }) => ({ series: model, x: row.k, value: estimateOf(row) })),
  }));
}

/** Measures of the text of each model. */
function textRows(tables: readonly ModelRows<SummaryRow>[]): TextRow[] {
  return tables.flatMap(({ model, rows }) =>
    rows
      .filter(({ metric }) => TEXT_MEASURES.some(({ name }) => name === metric))
      .map((row) => ({ model, measure: row.metric, value: estimateOf(row) })),
  );
}
