import { blame } from '../diagnostics/blame.ts';
import type { Problems } from '../diagnostics/problems.ts';
import type { DataRef, OutputRef, Value, ValueObject } from '../graph.ts';
import type { ArtifactPlace, StepKindSpec } from '../step-kind.ts';
import type { AxisValues } from '../values/axes.ts';
import { axesJson } from '../values/axes.ts';
import { findReference, isBroken, type Located, type LocatedMap, locate, type Range } from '../values/located.ts';
import type { OutputItem, Reference } from '../values/reference.ts';
import { artifactIssues, markOf, type Plain, type PlainObject, toPlain } from './artifact.ts';
import { parseDataRef } from './data-ref.ts';
import type { Planned, RunConfig } from './input-artifact.ts';
import { joinRevisions } from './revision.ts';
import { configIssues } from './schema-errors.ts';
import { applicable, defaultsOf, type Schema, schemasOfItem, schemasOfKey } from './validators.ts';

export interface ConfigContext {
  readonly problems: Problems;
  readonly axes: AxisValues;
  /** Where a step without `with:` is blamed. */
  readonly place: Range;
  /** Reports data that is not there. */
  readonly dataProblem: (ref: DataRef) => string | undefined;
}

export interface Config {
  readonly value: ValueObject;
  /** Every output that the config names. */
  readonly references: readonly OutputItem[];
}

/**
 * Checks an evaluated `with:` against the kind's schema and its own check, applies defaults, and puts references and
 * data references at the places that take artifacts. Undefined where anything is wrong or not yet known.
 */
export function checkConfig(spec: StepKindSpec, node: LocatedMap, context: ConfigContext): Config | undefined {
  const { problems } = context;
  const before = problems.errorCount();
  const root: Schema = spec.config;
  const plain = toPlain(node) as PlainObject;
  applyDefaults([root], root, plain, false);
  for (const issue of configIssues(root, plain)) {
    const found = locate(node, issue.path, issue.key);
    if (found.node.type === 'broken' && !issue.key) continue;
    blame(problems, issue, found.range, found.use, context.place);
  }
  const builder: Builder = { root, context, references: [], problems };
  const value = build([root], plain, node, '', builder) as ValueObject;
  if (problems.errorCount() > before || isBroken(node) || hasUnknown(node)) return undefined;
  for (const { path, message } of spec.check?.(value as Planned<RunConfig>) ?? []) {
    const found = locate(node, path);
    blame(problems, { code: 'SND180', message }, found.range, found.use, context.place);
  }
  return problems.errorCount() > before ? undefined : { value, references: builder.references };
}

function hasUnknown(node: Located): boolean {
  if (node.type === 'reference') return node.reference.unknown;
  if (node.type === 'list') return node.items.some(hasUnknown);
  return node.type === 'map' && [...node.entries.values()].some((entry) => hasUnknown(entry.value));
}

function isObject(value: Plain): value is PlainObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function applyDefaults(schemas: readonly Schema[], root: Schema, value: Plain, branches: boolean): void {
  if (typeof value !== 'object' || value === null) return;
  const here = schemas.flatMap((schema) => applicable(schema, root, value, branches));
  if (Array.isArray(value)) {
    value.forEach((item, at) => {
      const next = schemasOfItem(here, at);
      if (next.length > 0) applyDefaults(next, root, item, branches);
    });
    return;
  }
  for (const schema of here) {
    for (const [name, fallback] of defaultsOf(schema, root)) {
      if (!Object.hasOwn(value, name)) value[name] = structuredClone(fallback) as Plain;
    }
  }
  for (const [key, item] of Object.entries(value)) {
    const next = schemasOfKey(here, key);
    if (next.length > 0) applyDefaults(next, root, item, branches);
  }
}

interface Builder {
  readonly root: Schema;
  readonly context: ConfigContext;
  readonly references: OutputItem[];
  readonly problems: Problems;
}

/** The value for the graph. Tolerates what the schema refuses: that has been reported. */
function build(
  schemas: readonly Schema[],
  plain: Plain,
  node: Located | undefined,
  name: string,
  builder: Builder,
): Value {
  const here = schemas.flatMap((schema) => applicable(schema, builder.root, plain, true));
  const place = here.find((schema) => schema.artifact !== undefined)?.artifact as ArtifactPlace | undefined;
  // A word that the schema itself lists (`all`) is that word, not a path.
  const listed =
    typeof plain === 'string' && here.some((schema) => schema.enum !== undefined || schema.const !== undefined);
  if (
    place !== undefined &&
    !listed &&
    (typeof plain === 'string' || typeof plain === 'symbol' || Array.isArray(plain))
  ) {
    if (artifactIssues(place, plain).length === 0) return buildArtifact(place, plain, node, builder);
    return null;
  }
  if (typeof plain === 'symbol') {
    const mark = markOf(plain);
    if (mark?.type === 'reference' && here.every((schema) => !constrains(schema))) {
      builder.problems.error(
        'SND145',
        mark.use ?? mark.range,
        `a step's output cannot stand here: \`${name}\` takes no artifact`,
      );
    }
    return null;
  }
  if (Array.isArray(plain)) {
    return plain.map((item, at) =>
      build(
        schemasOfItem(here, at),
        item,
        node?.type === 'list' ? node.items[at] : undefined,
        `${name}[${at}]`,
        builder,
      ),
    );
  }
  if (!isObject(plain)) return plain;
  for (const schema of here) {
    for (const [key, fallback] of defaultsOf(schema, builder.root)) {
      if (!Object.hasOwn(plain, key)) plain[key] = structuredClone(fallback) as Plain;
    }
  }
  for (const { key, message } of joinRevisions(here, plain)) {
    const found = node === undefined ? undefined : locate(node, [key]);
    const range = found?.range ?? builder.context.place;
    blame(builder.problems, { code: 'SND180', message }, range, found?.use, builder.context.place);
  }
  const object: Record<string, Value> = {};
  for (const [key, item] of Object.entries(plain)) {
    const next = schemasOfKey(here, key);
    // A key that the schema does not know has been reported.
    if (next.length === 0 && here.some((schema) => schema.additionalProperties === false)) continue;
    const child = node?.type === 'map' ? node.entries.get(key)?.value : undefined;
    object[key] = build(next, item, child, key, builder);
  }
  return object;
}

/** Whether ajv has something to say about a reference at this place. */
function constrains(schema: Schema): boolean {
  return ['type', 'enum', 'const', 'oneOf', 'anyOf', 'artifact'].some((keyword) => schema[keyword] !== undefined);
}

function buildArtifact(place: ArtifactPlace, plain: Plain, node: Located | undefined, builder: Builder): Value {
  if (place.many !== true) return buildOne(place, plain, node, builder)[0] ?? null;
  if (!Array.isArray(plain)) return buildOne(place, plain, node, builder);
  return plain.flatMap((item, at) =>
    buildOne(place, item, node?.type === 'list' ? node.items[at] : undefined, builder),
  );
}

function buildOne(place: ArtifactPlace, plain: Plain, node: Located | undefined, builder: Builder): readonly Value[] {
  if (typeof plain === 'string') return [buildData(place, plain, node, builder)];
  const mark = markOf(plain);
  if (mark?.type !== 'reference') return [];
  builder.references.push(...mark.reference.items);
  return outputRefs(mark.reference, builder.context.axes);
}

/** The references that stand in the graph, each with the axes that are collected. */
export function outputRefs(reference: Reference, axes: AxisValues): readonly OutputRef[] {
  return reference.items.flatMap((item) => {
    if (item.type === undefined) return [];
    const own = new Map([...item.axes].filter(([name]) => !axes.has(name)));
    return [{ $: 'output' as const, task: item.task, output: item.output, type: item.type, axes: axesJson(own) }];
  });
}

function buildData(place: ArtifactPlace, text: string, node: Located | undefined, { context }: Builder): Value {
  const range = node?.range ?? context.place;
  const folder = (node?.type === 'scalar' ? node.folder : undefined) ?? range.file.folder;
  const parsed = parseDataRef(text, folder);
  if ('code' in parsed) return null;
  const ref: DataRef = { $: 'data', ...parsed, ref: text, types: place.types, range };
  const problem = context.dataProblem(ref);
  if (problem !== undefined)
    blame(context.problems, { code: 'SND163', message: problem }, range, node?.use, context.place);
  return ref;
}

/** A reference where only plain values can be (a parameter's use in `resources:`, say). */
export function refuseReferences(node: Located, name: string, problems: Problems): boolean {
  const found = findReference(node);
  if (found === undefined) return true;
  problems.error(
    'SND145',
    found.use ?? found.range,
    `a step's output cannot stand here: \`${name}\` takes no artifact`,
  );
  return false;
}
