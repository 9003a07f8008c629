import type { JsonObject, JsonValue } from '@sonde/base';
import type { InputArtifact } from '@sonde/executor';

const text = (value: JsonValue | undefined): string => {
  if (typeof value === 'string') return value;
  const { name, ref, adapter } = (value ?? {}) as JsonObject;
  if (typeof name === 'string') return name;
  if (typeof ref === 'string') return typeof adapter === 'string' ? `${ref} + ${adapter}` : ref;
  return JSON.stringify(value);
};

/** The model that a collected artifact is about, as rows name it: its `model` axis, else all its axes. */
export const modelOf = ({ axes }: InputArtifact): string => {
  if (axes.model !== undefined) return text(axes.model);
  const parts = Object.entries(axes).map(([axis, value]) => `${axis} ${text(value)}`);
  return parts.length === 0 ? 'model' : parts.join(', ');
};

/** A reference without what all share: `embedded:`, folders. */
export const shortLabel = (name: string): string =>
  name
    .split(' + ')
    .map(
      (part) =>
        part
          .replace(/^embedded:/, '')
          .replace(/^hf:/, '')
          .split('/')
          .filter(Boolean)
          .at(-1) ?? part,
    )
    .join(' + ');

/** Labels by model name: short, unless two models would share one. */
export const labelsOf = (names: readonly string[]): Map<string, string> => {
  const short = names.map(shortLabel);
  return new Map(
    names.map((name, i) => [name, short.filter((label) => label === short[i]).length === 1 ? short[i]! : name]),
  );
};
