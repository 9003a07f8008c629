import { UserError } from '@sonde/base';
import type { InputArtifact, RunContext } from '@sonde/executor';
import {
  CONTINUATIONS,
  chooseAttributes,
  codePoints,
  openStates,
  type Pool,
  readPrompts,
  readRows,
  readScoreGrid,
  SCENARIOS,
  type Scenario,
  type ScoredPrompt,
  type ScoreGrid,
  type StateRow,
  type StatesFile,
} from '@sonde/formats';
import { promptMaxima } from '@sonde/statistics';
import { matchIds, pairId, sayMatch, twice } from '../shared/matching.ts';
import { sayScorers } from '../shared/one-scorer.ts';
import { isOfPrompts } from '../shared/scenarios.ts';
import type { Config } from './config.ts';
import { groupPrompts } from './groups.ts';
import { labelTargets, readLabels } from './labels.ts';
import { readSplit, type Side, sayStraddling } from './split.ts';
import { cutAt, meanOf, type StepTarget } from './targets.ts';

/** Scenarios read prompts' states or continuations' states. */
export const SPAN_OF: Readonly<Record<Scenario, Pool>> = {
  input: 'prompt',
  backward: 'prompt',
  forward: 'continuation',
  output: 'continuation',
};

/** States of one span, with every target that is probed on them. */
export interface ProbeSet {
  readonly span: Pool;
  readonly rows: readonly (StateRow & { readonly row: number })[];
  /** The group of each row's prompt: rows of one group share a fold. */
  readonly groups: readonly string[];
  /** The text that each row's states were read from, for the text baselines; absent where it is not known. */
  readonly texts: readonly string[] | undefined;
  /** With the user's own split, the side of each row. */
  readonly sides: readonly Side[] | undefined;
  readonly targets: readonly StepTarget[];
}

export interface ProbeData {
  readonly states: StatesFile;
  readonly sets: readonly ProbeSet[];
}

function chooseScenarios({ scenarios: asked, scores }: Config, states: StatesFile): Scenario[] {
  const lacking = (scenario: Scenario): string | undefined => {
    if (states.rowsOf(SPAN_OF[scenario]).length === 0)
      return `the states have none pooled over the ${SPAN_OF[scenario]}`;
    return !isOfPrompts(scenario) && scores === undefined ? '`scores` is missing' : undefined;
  };
  for (const scenario of asked ?? []) {
    const why = lacking(scenario);
    if (why !== undefined) throw new UserError('config', `the scenario ${scenario} cannot be probed: ${why}`);
  }
  const chosen = (asked ?? SCENARIOS).filter((scenario) => lacking(scenario) === undefined);
  if (chosen.length === 0) throw new UserError('input', 'there is nothing to probe: the states fit no scenario');
  return chosen;
}

function keyOf({ promptId, sample }: StateRow): string {
  return pairId(promptId, sample);
}

async function continuationTexts(source: InputArtifact | undefined): Promise<ReadonlyMap<string, string> | undefined> {
  if (source === undefined) return undefined;
  const rows = await readRows(source.path, CONTINUATIONS, {
    columns: ['prompt_id', 'sample', 'text'],
    what: source.ref ?? 'the continuations',
  });
  const texts = new Map<string, string>();
  for (const [row, { prompt_id, sample, text }] of rows.entries()) {
    const key = pairId(prompt_id, sample);
    if (texts.has(key)) throw twice('continuations', key, [...texts.keys()].indexOf(key), row);
    texts.set(key, text);
  }
  return texts;
}

/** Holds scores and texts against the states that they are read for. */
function sayMatches(
  { unmatched }: Config,
  states: StatesFile,
  scenarios: readonly Scenario[],
  { grid, texts }: { readonly grid: ScoreGrid | undefined; readonly texts: ReadonlyMap<string, string> | undefined },
  log: RunContext['log'],
): void {
  const continuations = { what: 'states of continuations', ids: states.rowsOf('continuation').map(keyOf) };
  if (grid !== undefined && scenarios.includes('output')) {
    const ids = [...grid.pairs()].map(({ promptId, sample }) => pairId(promptId, sample));
    sayMatch(matchIds(continuations, { what: 'rows of the scores', ids }), unmatched, log);
  }
  if (grid !== undefined && scenarios.includes('backward')) {
    const prompts = { what: 'states of prompts', ids: states.rowsOf('prompt').map(({ promptId }) => promptId) };
    sayMatch(matchIds(prompts, { what: 'prompts of the scores', ids: grid.promptIds }), unmatched, log, {
      mayBeMore: true,
    });
  }
  if (texts !== undefined && continuations.ids.length > 0) {
    const given = { what: 'continuations', ids: texts.keys() };
    sayMatch(matchIds(continuations, given), unmatched, log, { mayBeMore: true });
  }
}

/** Reads states and targets, and brings them into the same order. */
export async function readProbeData(config: Config, log: RunContext['log']): Promise<ProbeData> {
  const states = await openStates(config.states.path, config.site);
  const prompts = await readPrompts(config.prompts.path, config.prompts.ref);
  const grid = config.scores && (await readScoreGrid(config.scores.path, config.scores.ref));
  const texts = await continuationTexts(config.continuations);
  const scenarios = chooseScenarios(config, states);
  sayMatches(config, states, scenarios, { grid, texts }, log);
  const comparesBoth = new Set(scenarios.map(isOfPrompts)).size > 1;
  if (grid !== undefined && comparesBoth) sayScorers(prompts.scorers, grid.scorers, config.strict === true, log);
  const promptOf = ({ promptId }: StateRow): ScoredPrompt => {
    const prompt = prompts.byId.get(promptId);
    if (prompt === undefined)
      throw new UserError('ids', `the states know a prompt ${promptId} that the prompts do not have`);
    return prompt;
  };
  const ofPrompts = [...prompts.byId.values()];
  const labels = await readLabels(config, ofPrompts);
  const gridIndex = new Map(grid?.promptIds.map((id, p) => [id, p]));
  const lengthOf = (row: StateRow): number => {
    const text = texts?.get(keyOf(row));
    return text === undefined ? Number.NaN : codePoints(text);
  };

  /** How each scenario reads its target for a row of states. */
  const valuesOf = (scenario: Scenario, attribute: string): ((row: StateRow) => number) => {
    if (isOfPrompts(scenario)) return (row) => promptOf(row).score[attribute] ?? Number.NaN;
    const { k } = grid!;
    const scores = grid!.scores(attribute);
    if (scenario === 'output')
      return ({ promptId, sample }) =>
        scores[(gridIndex.get(promptId) ?? Number.NaN) * k + (sample ?? Number.NaN)] ?? Number.NaN;
    const largest = promptMaxima({ scores, k });
    return ({ promptId }) => largest[gridIndex.get(promptId) ?? -1] ?? Number.NaN;
  };
  const lengthTarget = (scenario: Scenario): ((row: StateRow) => number) | undefined => {
    if (isOfPrompts(scenario)) return (row) => codePoints(promptOf(row).text);
    return scenario === 'output' && texts !== undefined ? lengthOf : undefined;
  };

  const targetsOf = (scenario: Scenario, setRows: readonly StateRow[]): StepTarget[] => {
    const ofPrompt = isOfPrompts(scenario);
    const attributes = chooseAttributes(
      (ofPrompt ? prompts : grid!).attributes,
      config.attributes,
      ofPrompt ? 'the prompts' : 'the scores',
    );
    const { threshold } = config;
    const scored = attributes.map((name): StepTarget => {
      const values = Float64Array.from(setRows, valuesOf(scenario, name));
      if (config.learner !== 'logistic') return { scenario, name, values, ofClass: undefined, threshold };
      const ofClass = { value: `>= ${threshold}`, label: name };
      return { scenario, name, values: cutAt(values, threshold), ofClass, threshold: 0.5 };
    });
    const promptIds = setRows.map(({ promptId }) => promptId);
    const classed = ofPrompt ? labels.flatMap((label) => labelTargets(label, scenario, promptIds)) : [];
    const length = config.length && config.learner !== 'logistic' ? lengthTarget(scenario) : undefined;
    if (length === undefined) return [...scored, ...classed];
    const values = Float64Array.from(setRows, length);
    return [...scored, ...classed, { scenario, name: 'length', values, ofClass: undefined, threshold: meanOf(values) }];
  };

  const groupOf = await groupPrompts(config, prompts, log);
  const sides = await readSplit(
    config,
    ofPrompts.map(({ prompt_id }) => prompt_id),
    log,
  );
  if (sides !== undefined) sayStraddling(sides, groupOf, log);
  const spans = [...new Set(scenarios.map((scenario) => SPAN_OF[scenario]))];
  const sets = spans.map((span): ProbeSet => {
    const setRows = states.rowsOf(span).filter(({ promptId }) => sides === undefined || sides.has(promptId));
    const ofPrompt = span === 'prompt';
    return {
      span,
      rows: setRows,
      // Of a group on both sides of the user's split, the sides are apart.
      groups: setRows.map((row) => `${sides?.get(row.promptId) ?? ''}${groupOf.get(promptOf(row).prompt_id)!}`),
      sides: sides && setRows.map(({ promptId }) => sides.get(promptId)!),
      texts: ofPrompt
        ? setRows.map((row) => promptOf(row).text)
        : texts && setRows.map((row) => texts.get(keyOf(row)) ?? ''),
      targets: scenarios
        .filter((scenario) => SPAN_OF[scenario] === span)
        .flatMap((scenario) => targetsOf(scenario, setRows)),
    };
  });
  return { states, sets };
}
