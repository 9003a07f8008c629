import type { Scenario } from '@sonde/formats/columns';

/** Whether a scenario's targets are the prompts' scores, and not the continuations'. */
export function isOfPrompts(scenario: Scenario): boolean {
  return scenario === 'input' || scenario === 'forward';
}
