import type { JsonObject, JsonValue } from '@sonde/base';
import type { InputArtifact } from '@sonde/executor';

/** An axis value as a reader knows it: a model by its name, or its reference, adapter and how its weights are had. */
export function axisText(value: JsonValue | undefined): string {
  if (typeof value === 'string') return value;
  const { name, ref, adapter, weights, seed = 0, ...had } = (value ?? {}) as JsonObject;
  if (typeof name === 'string') return name;
  if (typeof ref !== 'string') return JSON.stringify(value);
  const parts = [
    ref,
    ...(typeof adapter === 'string' ? [adapter] : []),
    ...(weights === 'random' ? [`random weights (seed ${seed})`] : []),
  ];
  const how = Object.entries(had)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, each]) => (typeof each === 'string' ? each : `${key} ${JSON.stringify(each)}`));
  return `${parts.join(' + ')}${how.length === 0 ? '' : ` (${how.join(', ')})`}`;
}

/** Which of several collected artifacts this is: every axis with its value, in the order of the axes' names. */
export function axesText({ axes }: Pick<InputArtifact, 'axes'>): string {
  const sorted = Object.entries(axes).sort(([a], [b]) => (a < b ? -1 : 1));
  const text = (value: JsonValue) => (typeof value === 'string' ? value : JSON.stringify(value));
  return sorted.length === 0 ? 'without axes' : sorted.map(([name, value]) => `${name}=${text(value)}`).join(', ');
}

/** The same for a reader: maps by their names. */
export function settingText({ axes }: Pick<InputArtifact, 'axes'>): string {
  const sorted = Object.entries(axes).sort(([a], [b]) => (a < b ? -1 : 1));
  return sorted.length === 0 ? 'without axes' : sorted.map(([name, value]) => `${name}=${axisText(value)}`).join(', ');
}

/** Those with equal values on the axes that both have. */
export function partnersOf<T extends Pick<InputArtifact, 'axes'>>(
  { axes }: Pick<InputArtifact, 'axes'>,
  all: readonly T[],
): T[] {
  return all.filter((each) =>
    Object.entries(each.axes).every(
      ([name, value]) => axes[name] === undefined || JSON.stringify(axes[name]) === JSON.stringify(value),
    ),
  );
}
