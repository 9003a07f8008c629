import { type JsonObject, UserError } from '@sonde/base';
import type { InputArtifact } from '@sonde/executor';
import { map, optional, text } from '@sonde/pipeline';
import { axesText, axisText } from './axes.ts';

export const baseline = optional(
  map(text({ minLength: 1 }), {
    minProperties: 1,
    description:
      'Instead of `reference`: axis → the value (its name, where it is a map) of those that the others are compared with, for example `{ precision: float32 }`.',
  }),
);

/** What is compared, and with what: the latter without the axes that make it the baseline. */
export interface Divided {
  readonly settings: readonly InputArtifact[];
  readonly references: readonly InputArtifact[];
}

/** Takes the baseline out of what was collected. */
export function divide(sources: readonly InputArtifact[], wanted: Readonly<Record<string, string>>): Divided {
  const isBaseline = ({ axes }: InputArtifact): boolean =>
    Object.entries(wanted).every(([name, value]) => axes[name] !== undefined && axisText(axes[name]) === value);
  const references = sources.filter(isBaseline);
  if (references.length === 0 || references.length === sources.length) {
    throw new UserError(
      'config',
      `${references.length === 0 ? 'none' : 'each'} of ${sources.length} tables has \`baseline\` ${JSON.stringify(wanted)}`,
      `They are: ${sources.map(axesText).join('; ')}.`,
    );
  }
  const without = (axes: JsonObject): JsonObject =>
    Object.fromEntries(Object.entries(axes).filter(([name]) => !(name in wanted)));
  return {
    settings: sources.filter((source) => !isBaseline(source)),
    references: references.map((source) => ({ ...source, axes: without(source.axes) })),
  };
}
