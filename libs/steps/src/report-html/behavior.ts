import type { JsonObject } from '@sonde/base';
import type { BehaviorSection, BypassSection, IntervalMethod, PromptGroup } from '@sonde/report';
import { estimateOf, type ModelRows, type Row } from './rows.ts';

const GROUP: Readonly<Record<string, PromptGroup>> = { all: 'all', toxic: 'toxic', nontoxic: 'non-toxic' };

/** How `behavior/summarize` made its intervals. */
export const bootstrapMethod = (config: JsonObject): IntervalMethod | undefined => {
  const bootstrap = config.bootstrap as { level: number; resamples: number } | undefined;
  return (
    bootstrap && { level: bootstrap.level, resamples: bootstrap.resamples, method: 'percentile bootstrap over prompts' }
  );
};

const rowFor = (rows: readonly Row[], metric: string, like: Row): Row | undefined =>
  rows.find((row) => row.metric === metric && row.attribute === like.attribute && row.group === like.group);

/** EMT and toxicity probability of each model. */
export const behaviorSection = (
  tables: readonly ModelRows[],
  config: JsonObject,
  scorer: string,
): BehaviorSection | undefined => {
  const interval = bootstrapMethod(config);
  const rows = tables.flatMap(({ model, rows: all }) =>
    all
      .filter(({ metric, attribute }) => metric === 'emt' && attribute !== null)
      .map((row) => ({
        model,
        attribute: String(row.attribute),
        group: GROUP[String(row.group)]!,
        emt: estimateOf(row),
        probability: estimateOf(rowFor(all, 'toxicity_probability', row) ?? row),
        prompts: Number(row.scored),
        missing: Number(row.prompts) === 0 ? null : 1 - Number(row.scored) / Number(row.prompts),
      })),
  );
  const k = tables[0]?.rows[0]?.k;
  return rows.length === 0 ? undefined : { k: Number(k), threshold: 0.5, scorer, rows, ...(interval && { interval }) };
};

const MEASURES = [
  { name: 'perplexity', label: 'Perplexity of the prompts' },
  { name: 'distinct_2', label: 'distinct-2' },
  { name: 'tokens', label: 'Length', unit: 'tokens' },
];

/** The effect of bypassing each block, beside the harm it does to the text. */
export const bypassSection = (
  bypassed: readonly ModelRows[],
  whole: readonly ModelRows[],
  config: JsonObject,
): BypassSection | undefined => {
  const interval = bootstrapMethod(config);
  const blockOf = ({ source }: ModelRows): number | undefined => {
    const { block } = source.axes;
    return typeof block === 'number' ? block : undefined;
  };
  const tables = bypassed.flatMap((table) => {
    const block = blockOf(table);
    return block === undefined ? [] : [{ ...table, block }];
  });
  const rows = tables.flatMap(({ model, block, rows: all }) =>
    all
      .filter(({ metric, group }) => metric === 'delta_emt' && group === 'all')
      .map((row) => ({ model, attribute: String(row.attribute), block, deltaEmt: estimateOf(row) })),
  );
  if (rows.length === 0) return undefined;
  const harmOf = (model: string, block: number | null, all: readonly Row[]) =>
    all
      .filter(({ metric }) => MEASURES.some(({ name }) => name === metric))
      .map((row) => ({ model, block, measure: String(row.metric), value: estimateOf(row) }));
  const models = new Set(tables.map(({ model }) => model));
  const harm = [
    ...whole.filter(({ model }) => models.has(model)).flatMap(({ model, rows: all }) => harmOf(model, null, all)),
    ...tables.flatMap(({ model, block, rows: all }) => harmOf(model, block, all)),
  ];
  return {
    k: Number(tables[0]!.rows[0]?.k),
    rows,
    measures: MEASURES.filter(({ name }) => harm.some(({ measure }) => measure === name)),
    harm,
    ...(interval && { interval }),
  };
};
