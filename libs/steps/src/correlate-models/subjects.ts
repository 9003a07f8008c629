import { type JsonObject, UserError } from '@sonde/base';
import type { InputArtifact, RunContext } from '@sonde/executor';
import { PROBE_SCORES, readRows, type Scenario, SUMMARY } from '@sonde/formats';
import { type LayerCurve, layerCurve } from '@sonde/probing';
import { axesText } from '../shared/axes.ts';
import { matchIds, sayMatch } from '../shared/matching.ts';
import { type Behavior, requireComparable, sayLostPrompts } from './comparable.ts';
import type { Config } from './config.ts';

/** What was probed: its scores of all models are correlated with their behaviour. */
export interface Probed {
  readonly scenario: Scenario;
  readonly attribute: string;
}

export function keyOf({ scenario, attribute }: Probed): string {
  return `${scenario} ${attribute}`;
}

/** The probes of one target in one scenario. */
export interface Probes extends Probed {
  readonly curve: LayerCurve;
}

/** One summary and its probe scores: how a model behaves, and what can be read from it. */
export interface Subject {
  readonly axes: JsonObject;
  /** Attribute → behaviour. */
  readonly behavior: ReadonlyMap<string, number | null>;
  /** By the key of what was probed. */
  readonly probes: ReadonlyMap<string, Probes>;
}

async function readBehavior(source: InputArtifact, { metric, group }: Config): Promise<Behavior> {
  const rows = await readRows(source.path, SUMMARY, {
    columns: ['attribute', 'metric', 'group', 'value'],
    optional: ['k', 'scorer', 'prompt_set', 'prompts', 'scored'],
    what: source.ref ?? 'a summary',
  });
  const found = rows.filter((row) => row.metric === metric && row.group === group && row.attribute !== null);
  return { name: axesText(source), rows: found };
}

async function readProbes(source: InputArtifact): Promise<Subject['probes']> {
  const rows = await readRows(source.path, PROBE_SCORES, {
    columns: ['features', 'layer', 'scenario', 'target', 'pearson'],
    what: source.ref ?? 'probe scores',
  });
  const found = new Map<string, Probed & { readonly scores: { layer: number; score: number | null }[] }>();
  for (const { features, layer, scenario, target, pearson } of rows) {
    if (features !== 'states' || layer === null || pearson === null) continue;
    const probed = { scenario, attribute: target };
    const own = found.get(keyOf(probed)) ?? { ...probed, scores: [] };
    own.scores.push({ layer, score: pearson });
    found.set(keyOf(probed), own);
  }
  return new Map([...found].map(([key, { scores, ...probed }]) => [key, { ...probed, curve: layerCurve(scores) }]));
}

/** The mean of what is known; null where nothing is. */
export function meanOf(values: readonly (number | null | undefined)[]): number | null {
  const known = values.filter((value) => value !== null && value !== undefined);
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0) / known.length;
}

/** Brings summaries and probe scores of the same model together by their axis values. */
export async function readSubjects(config: Config, log: RunContext['log']): Promise<Subject[]> {
  const probes = new Map(config.probes.map((source) => [axesText(source), source]));
  if (probes.size < config.probes.length) {
    throw new UserError(
      'ids',
      `${config.probes.length} tables of probe scores have ${probes.size} different axes; each model needs one table`,
      'Give `summaries` and `probes` that are collected over the same axes.',
    );
  }
  const summaries = { what: 'summaries', ids: config.summaries.map(axesText) };
  sayMatch(matchIds(summaries, { what: 'tables of probe scores', ids: probes.keys() }), config.unmatched, log);
  const pairs = config.summaries.flatMap((summary) => {
    const partner = probes.get(axesText(summary));
    return partner === undefined ? [] : [{ summary, partner }];
  });
  const behaviors = await Promise.all(pairs.map(({ summary }) => readBehavior(summary, config)));
  requireComparable(behaviors, config.comparable, log);
  sayLostPrompts(behaviors, log);
  return Promise.all(
    pairs.map(async ({ summary, partner }, i) => ({
      axes: summary.axes,
      behavior: new Map(behaviors[i]!.rows.map(({ attribute, value }) => [attribute!, value])),
      probes: await readProbes(partner),
    })),
  );
}
