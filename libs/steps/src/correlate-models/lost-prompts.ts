import type { RunContext } from '@sonde/executor';
import type { Behavior } from '../shared/comparable.ts';

/** Says where behaviour is over fewer prompts than there are: models then differ in prompts as well. */
export function sayLostPrompts(behaviors: readonly Behavior[], log: RunContext['log']): void {
  const lost = behaviors.flatMap(({ name, rows }) =>
    rows
      .filter(({ prompts, scored }) => prompts !== undefined && scored !== undefined && scored < prompts)
      .map(({ attribute, prompts, scored }) => `${name}: ${scored} of ${prompts} for ${attribute}`),
  );
  if (lost.length === 0) return;
  const shown = lost.length > 4 ? `${lost.slice(0, 4).join('; ')}; …` : lost.join('; ');
  log('warning', `models lose prompts, so that their behaviour is not over the same ones (${shown})`);
}
