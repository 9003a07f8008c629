import type { Scenario } from '@sonde/formats/columns';
import { type Html, html } from './html.ts';

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
export function scenarioKey(shown: readonly Scenario[]): Html {
  return html`<dl class="terms">${shown.map((scenario) => html`<div><dt>${SCENARIO_LABELS[scenario]}</dt><dd>${MEANING[scenario]}</dd></div>`)}</dl>`;
}
