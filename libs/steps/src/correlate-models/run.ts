import { isDeepStrictEqual } from 'node:util';
import { UserError } from '@sonde/base';
import type { InputArtifact, RunContext } from '@sonde/executor';
import {
  benjaminiHochberg,
  benjaminiYekutieli,
  type Correlation,
  holm,
  type PValues,
  pearson,
  spearman,
} from '@sonde/statistics';
import { readTable, rows, tableFromRows, writeParquet } from '@sonde/tables';
import type { Config } from './kind.ts';

const ADJUST: Readonly<Record<Config['multiplicity'], (p: PValues) => (number | null)[]>> = {
  'benjamini-hochberg': benjaminiHochberg,
  'benjamini-yekutieli': benjaminiYekutieli,
  holm,
};

/** One model: how it behaves, and what can be read from it. */
interface Subject {
  /** Attribute → behaviour. */
  readonly behavior: ReadonlyMap<string, number | null>;
  /** `scenario attribute` → layer → mean probe score over folds. */
  readonly probes: ReadonlyMap<string, ReadonlyMap<number, number>>;
}

const readBehavior = async (source: InputArtifact, config: Config): Promise<Map<string, number | null>> => {
  const table = await readTable(source.path);
  const values = new Map<string, number | null>();
  for (const row of rows(table)) {
    if (row.metric === config.metric && row.group === config.group && row.attribute !== null)
      values.set(String(row.attribute), row.value as number | null);
  }
  return values;
};

const pairKey = (scenario: string, attribute: string): string => `${scenario} ${attribute}`;

const readProbes = async (source: InputArtifact): Promise<Map<string, Map<number, number>>> => {
  const sums = new Map<string, Map<number, { sum: number; n: number }>>();
  for (const { features, layer, scenario, target, pearson: score } of rows(await readTable(source.path))) {
    if (features !== 'states' || score === null) continue;
    const key = pairKey(String(scenario), String(target));
    const layers = sums.get(key) ?? new Map<number, { sum: number; n: number }>();
    sums.set(key, layers);
    const cell = layers.get(Number(layer)) ?? { sum: 0, n: 0 };
    layers.set(Number(layer), { sum: cell.sum + Number(score), n: cell.n + 1 });
  }
  return new Map(
    [...sums].map(([key, layers]) => [key, new Map([...layers].map(([layer, { sum, n }]) => [layer, sum / n]))]),
  );
};

/** Brings summaries and probe scores of the same model together by their axis values. */
const readSubjects = async (config: Config): Promise<Subject[]> => {
  const { summaries, probes } = config;
  const subjects = await Promise.all(
    summaries.map(async (summary): Promise<Subject> => {
      const partner = probes.filter(({ axes }) => isDeepStrictEqual(axes, summary.axes));
      if (partner.length !== 1) {
        throw new UserError(
          'input',
          `${partner.length} tables of probe scores belong to the summary with the axes ${JSON.stringify(summary.axes)}; one is needed`,
          'Give `summaries` and `probes` that are collected over the same axes.',
        );
      }
      return { behavior: await readBehavior(summary, config), probes: await readProbes(partner[0]!) };
    }),
  );
  return subjects;
};

/** A model's probe score at a share of its depth, between layers by linear interpolation; undefined where a layer lacks one. */
const atDepth = (layers: ReadonlyMap<number, number>, depth: number): number | undefined => {
  const position = depth * Math.max(...layers.keys());
  const below = layers.get(Math.floor(position));
  const above = layers.get(Math.ceil(position));
  if (below === undefined || above === undefined) return undefined;
  return below + (above - below) * (position - Math.floor(position));
};

interface Place {
  readonly column: { readonly layer: number } | { readonly relative_depth: number };
  read(layers: ReadonlyMap<number, number>): number | undefined;
}

const placesOf = (config: Config, subjects: readonly Subject[]): Place[] => {
  if (config.depth === 'layer') {
    const layers = new Set(
      subjects.flatMap(({ probes }) => [...probes.values()].flatMap((scores) => [...scores.keys()])),
    );
    return [...layers]
      .sort((a, b) => a - b)
      .map((layer) => ({ column: { layer }, read: (scores) => scores.get(layer) }));
  }
  const { points } = config;
  return Array.from({ length: points }, (_, i) => i / (points - 1)).map((depth) => ({
    column: { relative_depth: depth },
    read: (scores) => atDepth(scores, depth),
  }));
};

const SCHEMA_TAIL = [
  { name: 'scenario', type: 'string' },
  { name: 'attribute', type: 'string' },
  { name: 'metric', type: 'string' },
  { name: 'group', type: 'string' },
  { name: 'pearson', type: 'float64' },
  { name: 'pearson_p', type: 'float64' },
  { name: 'pearson_p_adjusted', type: 'float64' },
  { name: 'low', type: 'float64' },
  { name: 'high', type: 'float64' },
  { name: 'spearman', type: 'float64' },
  { name: 'spearman_p', type: 'float64' },
  { name: 'spearman_p_adjusted', type: 'float64' },
  { name: 'multiplicity', type: 'string' },
  { name: 'models', type: 'int32' },
  { name: 'reason', type: 'string' },
] as const;

/** `correlate/models`. */
export async function run({ config, output }: RunContext<Config>): Promise<void> {
  const subjects = await readSubjects(config);
  const { attributes: asked, metric, group, multiplicity, level } = config;
  const pairs = [...new Set(subjects.flatMap(({ probes }) => [...probes.keys()]))]
    .map((key) => ({ key, scenario: key.split(' ')[0]!, attribute: key.split(' ')[1]! }))
    .filter(({ attribute }) => asked?.includes(attribute) ?? subjects.some(({ behavior }) => behavior.has(attribute)));
  if (pairs.length === 0) throw new UserError('input', 'no attribute has both a behaviour and probe scores');
  const found: { facts: Record<string, unknown>; linear: Correlation; ranks: Correlation }[] = [];
  for (const { key, scenario, attribute } of pairs) {
    for (const place of placesOf(config, subjects)) {
      const scores = subjects.map(({ probes }) => {
        const layers = probes.get(key);
        return (layers && place.read(layers)) ?? null;
      });
      const behavior = subjects.map((subject) => subject.behavior.get(attribute) ?? null);
      const linear = pearson(scores, behavior, { level });
      found.push({ facts: { ...place.column, scenario, attribute }, linear, ranks: spearman(scores, behavior) });
    }
  }
  const adjust = ADJUST[multiplicity];
  const linearP = adjust(found.map(({ linear }) => linear.p));
  const rankP = adjust(found.map(({ ranks }) => ranks.p));
  const table = found.map(({ facts, linear, ranks }, i) => ({
    ...facts,
    metric,
    group,
    pearson: linear.r,
    pearson_p: linear.p,
    pearson_p_adjusted: linearP[i],
    low: linear.interval?.[0] ?? null,
    high: linear.interval?.[1] ?? null,
    spearman: ranks.r,
    spearman_p: ranks.p,
    spearman_p_adjusted: rankP[i],
    multiplicity,
    models: linear.n,
    reason: linear.r === null ? linear.reason : null,
  }));
  const first =
    config.depth === 'layer'
      ? ({ name: 'layer', type: 'int32' } as const)
      : ({ name: 'relative_depth', type: 'float64' } as const);
  await writeParquet(output('correlations'), tableFromRows(table, [first, ...SCHEMA_TAIL]));
}
