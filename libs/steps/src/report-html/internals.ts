import type { JsonObject } from '@sonde/base';
import type { Scenario } from '@sonde/formats/columns';
import type { CorrelationSection, Estimate, ProbeSection } from '@sonde/report';
import { type ModelRows, numberOrNull, type Row } from './rows.ts';

const BASELINES: Readonly<Record<string, string>> = {
  bag_of_words: 'bag of words',
  text_length: 'text length',
  random_direction: 'random direction',
};

/** Mean over folds; null, with the folds' reason, where no fold has a value. The spread is that of the folds. */
const overFolds = (rows: readonly Row[], column: string): Estimate => {
  const values = rows.map((row) => numberOrNull(row[column])).filter((value) => value !== null);
  if (values.length === 0) {
    const reason = rows.find((row) => typeof row.reason === 'string')?.reason;
    return { value: null, ...(typeof reason === 'string' && { reason: reason.replaceAll('_', ' ') }) };
  }
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return { value: mean, low: Math.min(...values), high: Math.max(...values) };
};

const groupRows = (rows: readonly Row[]): Row[][] => {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const key = JSON.stringify([row.features, row.scenario, row.target, row.layer]);
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return [...groups.values()];
};

/** Probe scores by layer, with the baselines they are read against. */
export const probeSection = (tables: readonly ModelRows[], config: JsonObject): ProbeSection | undefined => {
  if (tables.length === 0) return undefined;
  const groups = tables.flatMap(({ model, rows }) =>
    groupRows(rows).map((group) => ({ model, group, first: group[0]! })),
  );
  const place = (first: Row) => ({ scenario: String(first.scenario) as Scenario, target: String(first.target) });
  return {
    folds: Number(config.folds ?? new Set(tables[0]!.rows.map(({ fold }) => fold)).size),
    method: 'ridge, penalty by inner cross-validation grouped by prompt',
    interval: { method: 'range over folds' },
    rows: groups
      .filter(({ first }) => first.features === 'states')
      .map(({ model, group, first }) => ({
        model,
        ...place(first),
        layer: Number(first.layer),
        score: overFolds(group, 'pearson'),
        selectivity: overFolds(group, 'selectivity'),
        n: group.reduce((sum, row) => sum + Number(row.n), 0),
      })),
    baselines: groups
      .filter(({ first }) => first.features !== 'states')
      .map(({ model, group, first }) => ({
        model,
        ...place(first),
        baseline: BASELINES[String(first.features)] ?? String(first.features),
        layer: numberOrNull(first.layer),
        score: overFolds(group, 'pearson'),
      })),
  };
};

/** Encoding against behaviour, across models. */
export const correlationSection = (rows: readonly Row[], config: JsonObject): CorrelationSection | undefined => {
  const [first] = rows;
  if (first === undefined) return undefined;
  const axis = 'layer' in first ? 'layer' : 'relative_depth';
  return {
    models: rows.reduce((most, row) => Math.max(most, Number(row.models)), 0),
    behavior: String(first.metric) === 'emt' ? 'EMT' : String(first.metric).replaceAll('_', ' '),
    coefficient: 'pearson',
    adjustment: `${String(first.multiplicity).replace('benjamini', 'Benjamini').replace('-hochberg', '–Hochberg').replace('-yekutieli', '–Yekutieli').replace('holm', 'Holm')} over ${rows.length} correlations`,
    interval: { level: Number(config.level ?? 0.95), method: 'Fisher’s z over models' },
    axis,
    rows: rows.map((row) => ({
      scenario: String(row.scenario) as Scenario,
      target: String(row.attribute),
      position: Number(row[axis]),
      coefficient: {
        value: numberOrNull(row.pearson),
        low: numberOrNull(row.low),
        high: numberOrNull(row.high),
        ...(typeof row.reason === 'string' && { reason: row.reason.replaceAll('_', ' ') }),
      },
      p: numberOrNull(row.pearson_p_adjusted),
      n: Number(row.models),
    })),
  };
};
