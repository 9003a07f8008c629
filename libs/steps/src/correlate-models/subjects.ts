import { groupBy, type JsonObject, UserError } from '@sonde/base';
import type { InputArtifact, RunContext } from '@sonde/executor';
import { PROBE_SCORES, readRows, type Scenario, SUMMARY } from '@sonde/formats';
import { type LayerCurve, layerCurve } from '@sonde/probing';
import type { BehaviorMode } from '@sonde/statistics';
import { axesText } from '../shared/axes.ts';
import { type Behavior, requireComparable } from '../shared/comparable.ts';
import { matchIds, sayMatch } from '../shared/matching.ts';
import { meanOfKnown } from '../shared/means.ts';
import type { Config } from './config.ts';
import { sayLostPrompts } from './lost-prompts.ts';
import { readSharedBehavior, type SharedBehavior } from './shared-prompts.ts';

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
  /** Spread of their labels, mean over folds and layers; null where the table does not say it. */
  readonly spread: number | null;
}

/** One summary and its probe scores: how a model behaves, and what can be read from it. */
export interface Subject {
  readonly axes: JsonObject;
  /** Attribute → behaviour. */
  readonly behavior: ReadonlyMap<string, number | null>;
  /** Attribute → prompts that it is over; null where the summary does not say it. */
  readonly prompts: ReadonlyMap<string, number | null>;
  /** By the key of what was probed. */
  readonly probes: ReadonlyMap<string, Probes>;
}

async function readBehavior(source: InputArtifact, { metric, group }: Config): Promise<Behavior> {
  const rows = await readRows(source.path, SUMMARY, {
    columns: ['attribute', 'metric', 'group', 'value'],
    optional: ['k', 'scorer', 'prompt_set', 'mode', 'prompts', 'scored'],
    what: source.ref ?? 'a summary',
  });
  const found = rows.filter((row) => row.metric === metric && row.group === group && row.attribute !== null);
  return { name: axesText(source), rows: found };
}

async function readProbes(source: InputArtifact, metric: Config['probe_metric']): Promise<Subject['probes']> {
  const rows = await readRows(source.path, PROBE_SCORES, {
    columns: ['features', 'layer', 'scenario', 'target', metric],
    optional: ['target_sd', 'learner'],
    what: source.ref ?? 'probe scores',
  });
  const ofStates = rows.filter((row) => row.features === 'states' && row[metric] !== null);
  const learners = [...new Set(ofStates.map(({ learner }) => learner ?? 'ridge'))];
  if (learners.length > 1) {
    throw new UserError(
      'config',
      `${source.ref ?? 'a table of probe scores'} of ${axesText(source) || 'one model'} has scores of several learners: ${learners.join(', ')}`,
      'Take those of one with table/filter, or correlate each apart.',
    );
  }
  const byTarget = groupBy(ofStates, ({ scenario, target }) => keyOf({ scenario, attribute: target }));
  return new Map(
    [...byTarget].map(([key, own]) => {
      const { scenario, target } = own[0]!;
      const scores = own.flatMap((row) => (row.layer === null ? [] : [{ layer: row.layer, score: row[metric] }]));
      const spread = meanOfKnown(own.map(({ target_sd }) => target_sd));
      return [key, { scenario, attribute: target, curve: layerCurve(scores), spread }];
    }),
  );
}

/** What subjects were read from, in their order. */
export interface Sources {
  readonly subjects: readonly Subject[];
  /** Of the summaries; null where they differ or do not say. */
  readonly mode: BehaviorMode | null;
  /** Of the prompts that all subjects share, where `scores` are given. */
  readonly shared: SharedBehavior | undefined;
  /** Of each subject, where they are given. */
  readonly predictions: readonly InputArtifact[] | undefined;
}

/** Brings summaries, probe scores and what else is given of the same model together by their axis values. */
export async function readSubjects(config: Config, log: RunContext['log']): Promise<Sources> {
  const probes = byAxes('probe scores', config.probes);
  const summaries = { what: 'summaries', ids: config.summaries.map(axesText) };
  sayMatch(matchIds(summaries, { what: 'tables of probe scores', ids: probes.keys() }), config.unmatched, log);
  const pairs = config.summaries.flatMap((summary) => {
    const partner = probes.get(axesText(summary));
    return partner === undefined ? [] : [{ summary, partner }];
  });
  const behaviors = await Promise.all(pairs.map(({ summary }) => readBehavior(summary, config)));
  requireComparable(behaviors, config.comparable, log);
  const kept = pairs.map(({ summary }) => summary);
  const scores = partnersOf('scores', config.scores, kept);
  const mode = modeOf(behaviors);
  const shared = scores && (await readSharedBehavior(scores, config, mode ?? 'default', log));
  if (shared === undefined) sayLostPrompts(behaviors, log);
  const subjects = await Promise.all(
    pairs.map(async ({ summary, partner }, i): Promise<Subject> => {
      const { rows } = behaviors[i]!;
      const summarised = {
        behavior: new Map(rows.map(({ attribute, value }) => [attribute!, value])),
        prompts: new Map(rows.map(({ attribute, scored }) => [attribute!, scored ?? null])),
      };
      return {
        axes: summary.axes,
        ...(shared?.of(i) ?? summarised),
        probes: await readProbes(partner, config.probe_metric),
      };
    }),
  );
  return { subjects, mode, shared, predictions: partnersOf('predictions', config.predictions, kept) };
}

/** The mode that all summaries are in; null where they differ or do not say. */
function modeOf(behaviors: readonly Behavior[]): BehaviorMode | null {
  const modes = new Set(behaviors.flatMap(({ rows }) => rows.flatMap(({ mode }) => mode ?? [])));
  const [mode] = modes;
  return modes.size === 1 ? (mode as BehaviorMode) : null;
}

function byAxes(what: string, sources: readonly InputArtifact[]): Map<string, InputArtifact> {
  const found = new Map(sources.map((source) => [axesText(source), source]));
  if (found.size === sources.length) return found;
  throw new UserError(
    'ids',
    `${sources.length} tables of ${what} have ${found.size} different axes; each model needs one table`,
    `Give tables of ${what} that are collected over the axes of \`summaries\`.`,
  );
}

/** The table of each summary's axes. @throws UserError where a summary has none */
function partnersOf(
  what: string,
  sources: readonly InputArtifact[] | undefined,
  summaries: readonly InputArtifact[],
): InputArtifact[] | undefined {
  if (sources === undefined) return undefined;
  const found = byAxes(what, sources);
  return summaries.map((summary) => {
    const partner = found.get(axesText(summary));
    if (partner !== undefined) return partner;
    throw new UserError(
      'ids',
      `the summary of ${axesText(summary)} has no table of ${what}`,
      `Collect \`${what}\` over the axes of \`summaries\`.`,
    );
  });
}
