import type { JsonValue } from '@sonde/base';
import type { InputArtifact } from '@sonde/executor';
import { axisText } from '../shared/axes.ts';

/** An axis whose values are numbers, or names that number one thing: `step-100`, `repo@step3000`. */
export interface NumberAxis {
  readonly axis: string;
  /** The number of an artifact along it, and what it is otherwise; undefined where it has none. */
  of(source: InputArtifact): { readonly x: number; readonly rest: Readonly<Record<string, JsonValue>> } | undefined;
}

/** Axes that number settings without an order. */
export const NAMES_ONLY: ReadonlySet<string> = new Set(['seed', 'template']);

/** `step-100`, `step1000-tokens4B`: a training step, whatever else the name counts. */
const STEP = /step[-_ ]?(\d+)/i;
const NUMBERED = /^(.*?)(\d+(?:\.\d+)?)([^\d]*)$/s;

/** The axes of numbers along which artifacts differ. */
export function numberAxes(sources: readonly InputArtifact[]): NumberAxis[] {
  const names = [...new Set(sources.flatMap(({ axes }) => Object.keys(axes)))].sort();
  return names.flatMap((axis) => {
    if (NAMES_ONLY.has(axis)) return [];
    if (axis === 'model') return revisionAxis(sources);
    const values = sources.flatMap(({ axes }) => (axes[axis] === undefined ? [] : [axes[axis]]));
    const read = readerOf(values);
    if (read === undefined) return [];
    const of: NumberAxis['of'] = ({ axes }) => {
      const { [axis]: value, ...rest } = axes;
      const x = value === undefined ? undefined : read(value);
      return x === undefined ? undefined : { x, rest };
    };
    return [{ axis, of }];
  });
}

/** How the values of an axis are read as numbers: themselves, or the number in names that differ in nothing else. */
function readerOf(values: readonly JsonValue[]): ((value: JsonValue) => number | undefined) | undefined {
  const distinct = new Set(values.map((value) => JSON.stringify(value)));
  if (distinct.size < 2) return undefined;
  if (values.every((value) => typeof value === 'number')) return (value) => value as number;
  const steps = values.map((value) => (typeof value === 'string' ? STEP.exec(value)?.[1] : undefined));
  if (steps.every((step) => step !== undefined) && new Set(steps).size === distinct.size) {
    return (value) => Number(STEP.exec(value as string)?.[1]);
  }
  const parts = values.map((value) => (typeof value === 'string' ? NUMBERED.exec(value) : null));
  const forms = new Set(parts.map((found) => found && `${found[1]}|${found[3]}`));
  if (forms.size !== 1 || parts[0] === null) return undefined;
  return (value) => Number(NUMBERED.exec(value as string)?.[2]);
}

/** Revisions of one model: `repo@step-3`. */
function revisionAxis(sources: readonly InputArtifact[]): NumberAxis[] {
  const split = (source: InputArtifact) => /^(.+)@([^@]+)$/.exec(axisText(source.axes.model)) ?? undefined;
  const found = sources.flatMap((source) => split(source) ?? []);
  const revisions = found.length > 0 ? sources.flatMap((source) => split(source)?.[2] ?? []) : [];
  const read = readerOf(revisions);
  if (read === undefined) return [];
  return [
    {
      axis: 'revision',
      of(source) {
        const parts = split(source);
        if (parts === undefined) return undefined;
        return { x: read(parts[2]!)!, rest: { ...source.axes, model: parts[1]! } };
      },
    },
  ];
}
