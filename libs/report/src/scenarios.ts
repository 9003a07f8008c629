import type { Scenario } from '@sonde/formats/columns';
import type { Html } from './html.ts';
import { terms } from './parts.ts';

export const SCENARIO_LABELS: Readonly<Record<Scenario, string>> = {
  input: 'Input',
  forward: 'Forward',
  output: 'Output',
  backward: 'Backward',
};

const MEANING: Readonly<Record<Scenario, string>> = {
  input: 'states of the prompt read the prompt’s own score',
  forward: 'states of the continuation read the prompt’s score',
  output: 'states of the continuation read the continuation’s own score',
  backward: 'states of the prompt read the highest score among its continuations',
};

/** What the scenarios mean, for those that are shown. */
export function scenarioKey(shown: readonly Scenario[]): Html | null {
  return terms(shown.map((scenario) => [SCENARIO_LABELS[scenario], MEANING[scenario]]));
}
