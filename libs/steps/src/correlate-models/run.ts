import { type JsonValue, UserError } from '@sonde/base';
import type { InputArtifact, RunContext } from '@sonde/executor';
import { CORRELATIONS, PROBE_SCORES, type RowOf, readRows, type Scenario, SUMMARY, writeRows } from '@sonde/formats';
import { depthPoints, type LayerCurve, layerCurve, scoreAtDepth } from '@sonde/probing';
import { correlateFamily } from '@sonde/statistics';
import { matchIds, sayMatch } from '../shared/matching.ts';
import type { Config } from './kind.ts';

/** What was probed: its scores of all models are correlated with their behaviour. */
interface Probed {
  readonly scenario: Scenario;
  readonly attribute: string;
}

const keyOf = ({ scenario, attribute }: Probed): string => `${scenario} ${attribute}`;

/** One model: how it behaves, and what can be read from it. */
interface Subject {
  /** Attribute → behaviour. */
  readonly behavior: ReadonlyMap<string, number | null>;
  /** By the key of what was probed. */
  readonly probes: ReadonlyMap<string, Probed & { readonly curve: LayerCurve }>;
}

async function readBehavior(source: InputArtifact, { metric, group }: Config): Promise<Subject['behavior']> {
  const rows = await readRows(source.path, SUMMARY, {
    columns: ['attribute', 'metric', 'group', 'value'],
    what: source.ref ?? 'a summary',
  });
  const found = rows.filter((row) => row.metric === metric && row.group === group);
  return new Map(found.flatMap(({ attribute, value }) => (attribute === null ? [] : [[attribute, value]])));
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
    const list = found.get(keyOf(probed)) ?? { ...probed, scores: [] };
    list.scores.push({ layer, score: pearson });
    found.set(keyOf(probed), list);
  }
  return new Map([...found].map(([key, { scores, ...probed }]) => [key, { ...probed, curve: layerCurve(scores) }]));
}

/** Brings summaries and probe scores of the same model together by their axis values. */
function readSubjects(config: Config, log: RunContext['log']): Promise<Subject[]> {
  const probes = new Map(config.probes.map((source) => [axesOf(source), source]));
  if (probes.size < config.probes.length) {
    throw new UserError(
      'ids',
      `${config.probes.length} tables of probe scores have ${probes.size} different axes; each model needs one table`,
      'Give `summaries` and `probes` that are collected over the same axes.',
    );
  }
  const summaries = { what: 'summaries', ids: config.summaries.map(axesOf) };
  sayMatch(matchIds(summaries, { what: 'tables of probe scores', ids: probes.keys() }), config.unmatched, log);
  const pairs = config.summaries.flatMap((summary) => {
    const partner = probes.get(axesOf(summary));
    return partner === undefined ? [] : [{ summary, partner }];
  });
  return Promise.all(
    pairs.map(async ({ summary, partner }) => ({
      behavior: await readBehavior(summary, config),
      probes: await readProbes(partner),
    })),
  );
}

/** What tells models apart: the axes that both were collected over. */
function axesOf({ axes }: InputArtifact): string {
  const sorted = Object.entries(axes).sort(([a], [b]) => (a < b ? -1 : 1));
  return sorted.length === 0 ? 'without axes' : sorted.map(([name, value]) => `${name}=${labelOf(value)}`).join(', ');
}

function labelOf(value: JsonValue): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** Where in a model's depth scores are compared. */
interface Place {
  readonly column: Pick<RowOf<typeof CORRELATIONS>, 'layer' | 'relative_depth'>;
  read(curve: LayerCurve): number | undefined;
}

function placesOf({ depth, points }: Config, subjects: readonly Subject[]): Place[] {
  if (depth === 'relative') {
    return depthPoints(points).map((share) => ({
      column: { relative_depth: share },
      read: (curve) => scoreAtDepth(curve, share),
    }));
  }
  const curves = subjects.flatMap(({ probes }) => [...probes.values()].map(({ curve }) => curve));
  const layers = new Set(curves.flatMap((curve) => [...curve.keys()]));
  return [...layers].sort((a, b) => a - b).map((layer) => ({ column: { layer }, read: (curve) => curve.get(layer) }));
}

/** What was probed in any of the models, and is asked for or known as a behaviour. */
function probedIn(subjects: readonly Subject[], asked: readonly string[] | undefined): Probed[] {
  const all = new Map(subjects.flatMap(({ probes }) => [...probes]));
  const found = [...all.values()].filter(
    ({ attribute }) => asked?.includes(attribute) ?? subjects.some(({ behavior }) => behavior.has(attribute)),
  );
  if (found.length === 0) throw new UserError('input', 'no attribute has both a behaviour and probe scores');
  return found;
}

/** `correlate/models`. */
export async function run({ config, output, log }: RunContext<Config>): Promise<void> {
  const subjects = await readSubjects(config, log);
  const places = placesOf(config, subjects);
  const cells = probedIn(subjects, config.attributes).flatMap((probed) =>
    places.map(({ column, read }) => ({
      probed,
      column,
      x: subjects.map(({ probes }) => {
        const found = probes.get(keyOf(probed));
        return (found && read(found.curve)) ?? null;
      }),
      y: subjects.map(({ behavior }) => behavior.get(probed.attribute) ?? null),
    })),
  );
  const { multiplicity, level, metric, group } = config;
  const correlations = correlateFamily(cells, { multiplicity, level });
  const rows = cells.map(({ probed: { scenario, attribute }, column }, i): RowOf<typeof CORRELATIONS> => {
    const { pearson, spearman, pearsonAdjusted, spearmanAdjusted } = correlations[i]!;
    return {
      ...column,
      scenario,
      attribute,
      metric,
      group,
      pearson: pearson.r,
      pearson_p: pearson.p,
      pearson_p_adjusted: pearsonAdjusted,
      low: pearson.interval?.[0] ?? null,
      high: pearson.interval?.[1] ?? null,
      spearman: spearman.r,
      spearman_p: spearman.p,
      spearman_p_adjusted: spearmanAdjusted,
      multiplicity,
      models: pearson.n,
      reason: pearson.r === null ? pearson.reason : null,
    };
  });
  await writeRows(output('correlations'), CORRELATIONS, rows, {
    with: [config.depth === 'layer' ? 'layer' : 'relative_depth'],
  });
}
