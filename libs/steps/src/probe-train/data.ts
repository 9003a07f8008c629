import { UserError } from '@sonde/base';
import type { CaptureSite, Pool } from '@sonde/engine';
import type { RunConfig } from '@sonde/executor';
import type { ProbeTarget } from '@sonde/probing';
import { readTable, rows } from '@sonde/tables';
import { maxima, readContinuationGrid } from '../continuation-scores.ts';
import { input, optionalInput, strings } from '../inputs.ts';
import { chooseAttributes, codePoints, readPrompts, scoreColumn } from '../prompts.ts';
import { openStates, type StateRow, type StatesFile } from '../states.ts';

export const SCENARIOS = ['input', 'forward', 'output', 'backward'] as const;
export type Scenario = (typeof SCENARIOS)[number];

/** Scenarios read prompts' states or continuations' states. */
const SPAN_OF: Readonly<Record<Scenario, Pool>> = {
  input: 'prompt',
  backward: 'prompt',
  forward: 'continuation',
  output: 'continuation',
};

/** States of one span, with every target that is probed on them. */
export interface ProbeSet {
  readonly span: Pool;
  readonly rows: readonly (StateRow & { readonly row: number })[];
  /** The prompt of each row. */
  readonly groups: readonly string[];
  /** The text that each row's states were read from, for the text baselines; absent where it is not known. */
  readonly texts: readonly string[] | undefined;
  readonly targets: readonly ProbeTarget[];
}

export interface ProbeData {
  readonly states: StatesFile;
  readonly sets: readonly ProbeSet[];
}

const chooseScenarios = (config: RunConfig, states: StatesFile): Scenario[] => {
  const asked = config.scenarios as readonly Scenario[] | undefined;
  const lacking = (scenario: Scenario): string | undefined => {
    if (states.rowsOf(SPAN_OF[scenario]).length === 0)
      return `the states have none pooled over the ${SPAN_OF[scenario]}`;
    const needsScores = scenario === 'output' || scenario === 'backward';
    return needsScores && optionalInput(config, 'scores') === undefined ? '`scores` is missing' : undefined;
  };
  for (const scenario of asked ?? []) {
    const why = lacking(scenario);
    if (why !== undefined) throw new UserError('config', `the scenario ${scenario} cannot be probed: ${why}`);
  }
  const chosen = (asked ?? SCENARIOS).filter((scenario) => lacking(scenario) === undefined);
  if (chosen.length === 0) throw new UserError('input', 'there is nothing to probe: the states fit no scenario');
  return chosen;
};

const keyOf = ({ promptId, sample }: StateRow): string => `${promptId}\n${sample}`;

const continuationTexts = async (config: RunConfig): Promise<ReadonlyMap<string, string> | undefined> => {
  const source = optionalInput(config, 'continuations');
  if (source === undefined) return undefined;
  const table = await readTable(source.path);
  return new Map(
    rows(table).map(({ prompt_id, sample, text }) => [
      keyOf({ promptId: String(prompt_id), sample: Number(sample) }),
      String(text ?? ''),
    ]),
  );
};

/** Reads states and targets, and brings them into the same order. */
export const readProbeData = async (config: RunConfig): Promise<ProbeData> => {
  const states = await openStates(input(config, 'states').path, config.site as CaptureSite | undefined);
  const prompts = await readPrompts(input(config, 'prompts'));
  const scoresSource = optionalInput(config, 'scores');
  const grid = scoresSource && (await readContinuationGrid(scoresSource));
  const texts = await continuationTexts(config);
  const scenarios = chooseScenarios(config, states);
  const asked = strings(config, 'attributes');
  const promptRow = ({ promptId }: StateRow): number => {
    const row = prompts.rowOf.get(promptId);
    if (row === undefined)
      throw new UserError('ids', `the states know a prompt ${promptId} that the prompts do not have`);
    return row;
  };
  const gridIndex = new Map(grid?.promptIds.map((id, p) => [id, p]));
  const lengthOf = (row: StateRow): number => {
    const text = texts?.get(keyOf(row));
    return text === undefined ? Number.NaN : codePoints(text);
  };

  /** How each scenario reads its target for a row of states. */
  const valuesOf = (scenario: Scenario, attribute: string): ((row: StateRow) => number) => {
    if (scenario === 'input' || scenario === 'forward') {
      const scores = scoreColumn(prompts.table, attribute);
      return (row) => scores[promptRow(row)]!;
    }
    const { k } = grid!;
    const scores = grid!.scores(attribute);
    if (scenario === 'output')
      return ({ promptId, sample }) =>
        scores[(gridIndex.get(promptId) ?? Number.NaN) * k + (sample ?? Number.NaN)] ?? Number.NaN;
    const largest = maxima(scores, k);
    return ({ promptId }) => largest[gridIndex.get(promptId) ?? -1] ?? Number.NaN;
  };
  const lengthTarget = (scenario: Scenario): ((row: StateRow) => number) | undefined => {
    if (scenario === 'input' || scenario === 'forward') return (row) => codePoints(prompts.texts[promptRow(row)]!);
    return scenario === 'output' && texts !== undefined ? lengthOf : undefined;
  };

  const targetsOf = (scenario: Scenario, setRows: readonly StateRow[]): ProbeTarget[] => {
    const ofPrompt = scenario === 'input' || scenario === 'forward';
    const attributes = chooseAttributes(
      ofPrompt ? prompts.table : grid!.table,
      asked,
      ofPrompt ? 'the prompts' : 'the scores',
    );
    const length = config.length === true ? lengthTarget(scenario) : undefined;
    return [
      ...attributes.map((name) => ({ scenario, name, values: Float64Array.from(setRows, valuesOf(scenario, name)) })),
      ...(length === undefined ? [] : [{ scenario, name: 'length', values: Float64Array.from(setRows, length) }]),
    ];
  };

  const spans = [...new Set(scenarios.map((scenario) => SPAN_OF[scenario]))];
  const sets = spans.map((span): ProbeSet => {
    const setRows = states.rowsOf(span);
    const ofPrompt = span === 'prompt';
    return {
      span,
      rows: setRows,
      groups: setRows.map(({ promptId }) => promptId),
      texts: ofPrompt
        ? setRows.map((row) => prompts.texts[promptRow(row)]!)
        : texts && setRows.map((row) => texts.get(keyOf(row)) ?? ''),
      targets: scenarios
        .filter((scenario) => SPAN_OF[scenario] === span)
        .flatMap((scenario) => targetsOf(scenario, setRows)),
    };
  });
  return { states, sets };
};
