import { isRecord, type JsonObject, type JsonValue } from '@sonde/base';
import type { Ancestor, InputArtifact, RunContext } from '@sonde/executor';
import type { Prompts } from '@sonde/formats';
import type { ProvenanceRow, ReportModel } from '@sonde/report';
import { axisText } from '../shared/axes.ts';
import { countNearDuplicates } from '../shared/near-duplicates.ts';
import { axesOfAncestors, depthsOf } from './lineage.ts';

// Of its ancestors the report says only what their fingerprints say: when, how fast and by what else each was computed
// may differ between two runs of the same results, and is in the run's provenance.

function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The same value with its keys in order, however it was stored. */
function inOrder(value: JsonValue): JsonValue {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(inOrder);
  const entries = Object.entries(value as JsonObject).sort(([a], [b]) => byText(a, b));
  return Object.fromEntries(entries.map(([key, item]) => [key, inOrder(item)]));
}

function axisTexts(axes: Record<string, JsonValue>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(axes)
      .sort(([a], [b]) => byText(a, b))
      .map(([axis, value]) => [axis, axisText(inOrder(value))]),
  );
}

function configOf({ fingerprint }: Ancestor): JsonObject {
  return (fingerprint.config ?? {}) as JsonObject;
}

/** A row for each result that the report rests on, each after those that it rests on itself. */
export function provenanceRows(ancestors: readonly Ancestor[], collected: readonly InputArtifact[]): ProvenanceRow[] {
  const axes = axesOfAncestors(ancestors, collected);
  const depths = depthsOf(ancestors);
  return ancestors
    .map((ancestor) => {
      const config = configOf(ancestor);
      const row: ProvenanceRow = {
        kind: String(ancestor.fingerprint.kind),
        axes: axisTexts(axes.get(ancestor.key) ?? {}),
        key: ancestor.key,
        seed: typeof config.seed === 'number' ? config.seed : null,
        config: inOrder(config),
      };
      return { row, depth: depths.get(ancestor.key)!, axesText: JSON.stringify(row.axes) };
    })
    .sort(
      (a, b) =>
        a.depth - b.depth ||
        byText(a.row.kind, b.row.kind) ||
        byText(a.axesText, b.axesText) ||
        byText(a.row.key, b.row.key),
    )
    .map(({ row }) => row);
}

/** What computed the results, as far as their fingerprints know it: other versions do not change them. */
export function softwareOf(ancestors: readonly Ancestor[]): ReportModel['software'] {
  const runtimes = ancestors.map(({ fingerprint }) => fingerprint.runtime as { onnxruntime?: string } | undefined);
  const versions = new Set(runtimes.flatMap((runtime) => runtime?.onnxruntime ?? []));
  return [...versions].sort(byText).map((version) => ({ name: 'ONNX Runtime', version }));
}

/** The mode of the steps that have one. */
export function modeOf(ancestors: readonly Ancestor[]): 'default' | 'paper' | 'mixed' {
  const modes = new Set(
    ancestors.map((ancestor) => configOf(ancestor).mode).filter((mode) => mode === 'default' || mode === 'paper'),
  );
  return modes.size === 2 ? 'mixed' : modes.has('paper') ? 'paper' : 'default';
}

/** The model that all the results are of, where there is but one: as the pipeline names it, where it names no other. */
export function onlyModel(ancestors: readonly Ancestor[], pipeline: RunContext['pipeline']): string | undefined {
  const models = ancestors.map((ancestor) => configOf(ancestor).model).filter((model) => model !== undefined);
  const [first, ...others] = new Set(models.map(modelText));
  if (others.length > 0 || first === undefined) return undefined;
  return pipeline?.model === undefined ? first : axisText(pipeline.model);
}

/** A model as a fingerprint has it: one that is an artifact is known by its digest alone. */
function modelText(model: JsonValue): string {
  const digestOf = (value: JsonValue | undefined): string | undefined =>
    isRecord(value) && typeof value.input === 'string'
      ? `model ${value.input.replace(/^sha256:/, '').slice(0, 8)}`
      : undefined;
  const ref = isRecord(model) ? digestOf(model.ref as JsonValue) : undefined;
  return digestOf(model) ?? axisText(ref === undefined ? model : { ...(model as JsonObject), ref });
}

/** The config of the first ancestor of a kind: where the report states how intervals and folds were made. */
export function configOfKind(ancestors: readonly Ancestor[], kind: string): JsonObject {
  const found = ancestors.find(({ fingerprint }) => fingerprint.kind === kind);
  return found === undefined ? {} : configOf(found);
}

/** Config values that a reader looks for first, by step kind: where steps of a kind differ, all values are listed. */
const FACTS: readonly (readonly [name: string, kind: string, key: string])[] = [
  ['Prompts', 'prompts/sample', 'count'],
  ['Continuations a prompt', 'text/generate', 'num_return_sequences'],
  ['New tokens at most', 'text/generate', 'max_new_tokens'],
  ['Temperature', 'text/generate', 'temperature'],
  ['Top-p', 'text/generate', 'top_p'],
  ['Folds', 'probe/train', 'folds'],
];

/** Prompts that a probe may have seen much of in another fold. */
function nearDuplicatesFact(prompts: Prompts): { name: string; value: string } {
  const { texts, repeated, extended } = countNearDuplicates([...prompts.byId.values()].map(({ text }) => text));
  const kinds = [
    ...(repeated > 0 ? [`${repeated} repeat another but for case and white space, and share its fold`] : []),
    ...(extended > 0 ? [`${extended} begin with the whole of another, and share its fold only with \`group\``] : []),
  ];
  const value = kinds.length === 0 ? `none of ${texts}` : `${repeated + extended} of ${texts}: ${kinds.join('; ')}`;
  return { name: 'Near-duplicate prompts', value };
}

/** What ran, at a glance: sizes, decoding, seeds, and what of the prompts is not independent. */
export function runFacts(ancestors: readonly Ancestor[], prompts?: Prompts): { name: string; value: string }[] {
  const valuesOf = (matches: (ancestor: Ancestor) => boolean, key: string): string => {
    const values = ancestors.filter(matches).map((ancestor) => configOf(ancestor)[key]);
    return [...new Set(values.filter((value) => value !== undefined).map((value) => String(value)))].sort().join(', ');
  };
  return [
    ...FACTS.map(([name, kind, key]) => ({
      name,
      value: valuesOf(({ fingerprint }) => fingerprint.kind === kind, key),
    })),
    { name: 'Seeds', value: valuesOf(() => true, 'seed') },
    ...(prompts === undefined ? [] : [nearDuplicatesFact(prompts)]),
  ].filter(({ value }) => value !== '');
}
