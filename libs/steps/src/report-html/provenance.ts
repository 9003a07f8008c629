import type { JsonObject, JsonValue } from '@sonde/base';
import type { Ancestor, InputArtifact } from '@sonde/executor';
import type { ProvenanceRow, TimingRow } from '@sonde/report';
import { axesOfAncestors } from './lineage.ts';

const axisTexts = (axes: Record<string, JsonValue>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(axes).map(([axis, value]) => [axis, typeof value === 'string' ? value : JSON.stringify(value)]),
  );

const configOf = ({ fingerprint }: Ancestor): JsonObject => (fingerprint.config ?? {}) as JsonObject;

/** A row for each result that the report rests on, kinds together, in the order of their computation. */
export const provenanceRows = (
  ancestors: readonly Ancestor[],
  collected: readonly InputArtifact[],
): ProvenanceRow[] => {
  const axes = axesOfAncestors(ancestors, collected);
  return [...ancestors]
    .sort((a, b) => (a.created < b.created ? -1 : a.created > b.created ? 1 : a.key < b.key ? -1 : 1))
    .map((ancestor) => {
      const config = configOf(ancestor);
      return {
        kind: String(ancestor.fingerprint.kind),
        axes: axisTexts(axes.get(ancestor.key) ?? {}),
        key: ancestor.key,
        seed: typeof config.seed === 'number' ? config.seed : null,
        config,
        computedAt: ancestor.created,
        seconds: ancestor.seconds,
      };
    });
};

/** How long the results of each kind took when they were computed. */
export const timingRows = (ancestors: readonly Ancestor[]): TimingRow[] => {
  const kinds = new Map<string, { tasks: number; seconds: number }>();
  for (const { fingerprint, seconds } of ancestors) {
    const row = kinds.get(String(fingerprint.kind)) ?? { tasks: 0, seconds: 0 };
    kinds.set(String(fingerprint.kind), { tasks: row.tasks + 1, seconds: row.seconds + seconds });
  }
  return [...kinds].map(([kind, { tasks, seconds }]) => ({ kind, tasks, seconds }));
};

/** The mode of the steps that have one. */
export const modeOf = (ancestors: readonly Ancestor[]): 'default' | 'paper' | 'mixed' => {
  const modes = new Set(
    ancestors.map((ancestor) => configOf(ancestor).mode).filter((mode) => mode === 'default' || mode === 'paper'),
  );
  return modes.size === 2 ? 'mixed' : modes.has('paper') ? 'paper' : 'default';
};

/** The config of the first ancestor of a kind: where the report states how intervals and folds were made. */
export const configOfKind = (ancestors: readonly Ancestor[], kind: string): JsonObject => {
  const found = ancestors.find(({ fingerprint }) => fingerprint.kind === kind);
  return found === undefined ? {} : configOf(found);
};

/** Config values that a reader looks for first, by step kind: where steps of a kind differ, all values are listed. */
const FACTS: readonly (readonly [name: string, kind: string, key: string])[] = [
  ['Prompts', 'prompts/sample', 'count'],
  ['Continuations a prompt', 'text/generate', 'num_return_sequences'],
  ['New tokens at most', 'text/generate', 'max_new_tokens'],
  ['Temperature', 'text/generate', 'temperature'],
  ['Top-p', 'text/generate', 'top_p'],
  ['Folds', 'probe/train', 'folds'],
];

/** What ran, at a glance: sizes, decoding, seeds, and when the results were computed. */
export const runFacts = (ancestors: readonly Ancestor[]): { name: string; value: string }[] => {
  const valuesOf = (matches: (ancestor: Ancestor) => boolean, key: string): string => {
    const values = ancestors.filter(matches).map((ancestor) => configOf(ancestor)[key]);
    return [...new Set(values.filter((value) => value !== undefined).map((value) => String(value)))].sort().join(', ');
  };
  const days = [...new Set(ancestors.map(({ created }) => created.slice(0, 10)))].sort();
  const computed = days.length > 1 ? `${days[0]} to ${days.at(-1)}` : (days[0] ?? '');
  return [
    ...FACTS.map(([name, kind, key]) => ({
      name,
      value: valuesOf(({ fingerprint }) => fingerprint.kind === kind, key),
    })),
    { name: 'Seeds', value: valuesOf(() => true, 'seed') },
    { name: 'Computed', value: computed },
  ].filter(({ value }) => value !== '');
};
