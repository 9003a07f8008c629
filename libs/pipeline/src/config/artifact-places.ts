import { blame } from '../diagnostics/blame.ts';
import type { Problems } from '../diagnostics/problems.ts';
import type { DataRef, OutputRef, Value, ValueObject } from '../graph.ts';
import type { ArtifactPlace } from '../step-kind.ts';
import type { AxisValues } from '../values/axes.ts';
import { axesJson } from '../values/axes.ts';
import { type Located, type LocatedMap, locate, type Range } from '../values/located.ts';
import type { OutputItem, Reference } from '../values/reference.ts';
import { nearest } from '../values/words.ts';
import { artifactIssues, markOf, type Plain, type PlainObject } from './artifact.ts';
import { parseDataRef } from './data-ref.ts';
import { addDefaults } from './defaults.ts';
import { joinRevisions } from './revision.ts';
import { isSchema, type Place, placeOf } from './schema-walk.ts';
import type { Schema } from './validators.ts';

export interface ConfigContext {
  readonly problems: Problems;
  readonly axes: AxisValues;
  /** Where a step without `with:` is blamed. */
  readonly place: Range;
  /** Reports data that is not there. */
  readonly dataProblem: (ref: DataRef) => string | undefined;
}

interface Builder {
  readonly root: Schema;
  readonly context: ConfigContext;
  readonly references: OutputItem[];
  readonly problems: Problems;
}

/** Puts references and data references at the places that take artifacts. */
export function placeArtifacts(
  plain: PlainObject,
  node: LocatedMap,
  root: Schema,
  context: ConfigContext,
): { readonly value: ValueObject; readonly references: readonly OutputItem[] } {
  const builder: Builder = { root, context, references: [], problems: context.problems };
  const value = build(plain, placeOf(root, plain), node, '', builder) as ValueObject;
  return { value, references: builder.references };
}

function isObject(value: Plain): value is PlainObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value for the graph. Tolerates what the schema refuses: that has been reported. */
function build(plain: Plain, here: Place, node: Located | undefined, name: string, builder: Builder): Value {
  const { schemas } = here;
  const place = schemas.find((schema) => schema.artifact !== undefined)?.artifact as ArtifactPlace | undefined;
  // A word that the schema itself lists (`all`) is that word, not a path.
  const listed =
    typeof plain === 'string' && schemas.some((schema) => schema.enum !== undefined || schema.const !== undefined);
  if (
    place !== undefined &&
    !listed &&
    (typeof plain === 'string' || typeof plain === 'symbol' || Array.isArray(plain))
  ) {
    if (artifactIssues(place, plain).length === 0)
      return buildArtifact({ place, choice: choiceOf(schemas) }, plain, node, builder);
    return null;
  }
  if (typeof plain === 'symbol') {
    const mark = markOf(plain);
    if (mark?.type === 'reference' && schemas.every((schema) => !constrains(schema))) {
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
      build(item, here.item(at, item), node?.type === 'list' ? node.items[at] : undefined, `${name}[${at}]`, builder),
    );
  }
  if (!isObject(plain)) return plain;
  addDefaults(plain, here, builder.root);
  for (const { key, message } of joinRevisions(schemas, builder.root, plain)) {
    const found = node === undefined ? undefined : locate(node, [key]);
    const range = found?.range ?? builder.context.place;
    blame(builder.problems, { code: 'SND180', message }, range, found?.use, builder.context.place);
  }
  const object: Record<string, Value> = {};
  for (const [key, item] of Object.entries(plain)) {
    const next = here.key(key, item);
    // A key that the schema does not know has been reported.
    if (next.schemas.length === 0 && schemas.some((schema) => schema.additionalProperties === false)) continue;
    const child = node?.type === 'map' ? node.entries.get(key)?.value : undefined;
    object[key] = build(item, next, child, key, builder);
  }
  return object;
}

/** Whether ajv has something to say about a reference at this place. */
function constrains(schema: Schema): boolean {
  return ['type', 'enum', 'const', 'oneOf', 'anyOf', 'artifact'].some((keyword) => schema[keyword] !== undefined);
}

/** What may stand at a place beside an artifact: objects told apart by their `kind`. */
interface Choice {
  readonly description: string | undefined;
  readonly kinds: readonly string[];
}

interface Target {
  readonly place: ArtifactPlace;
  readonly choice: Choice | undefined;
}

function choiceOf(schemas: readonly Schema[]): Choice | undefined {
  for (const { oneOf, description } of schemas) {
    const kinds = (Array.isArray(oneOf) ? oneOf : []).flatMap((branch) => {
      const { kind } = (branch as { properties?: Readonly<Record<string, unknown>> }).properties ?? {};
      return isSchema(kind) && typeof kind.const === 'string' ? [kind.const] : [];
    });
    if (kinds.length > 0) return { kinds, description: typeof description === 'string' ? description : undefined };
  }
  return undefined;
}

/** What was meant by a text that names no data, as far as it is like a kind, and what may stand there. */
function choiceHint(text: string, { kinds, description }: Choice): string | undefined {
  const near = nearest(text, kinds);
  const meant = near === undefined ? undefined : `did you mean \`{ kind: ${near}, … }\`?`;
  const hints = [meant, description].filter((hint) => hint !== undefined);
  return hints.length === 0 ? undefined : hints.join(' ');
}

function buildArtifact(target: Target, plain: Plain, node: Located | undefined, builder: Builder): Value {
  if (target.place.many !== true) return buildOne(target, plain, node, builder)[0] ?? null;
  if (!Array.isArray(plain)) return buildOne(target, plain, node, builder);
  return plain.flatMap((item, at) =>
    buildOne(target, item, node?.type === 'list' ? node.items[at] : undefined, builder),
  );
}

function buildOne(target: Target, plain: Plain, node: Located | undefined, builder: Builder): readonly Value[] {
  if (typeof plain === 'string') return [buildData(target, plain, node, builder)];
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

// What a step says without an expression is the same value in each of its tasks (but for a revision that is joined to it).
const built = new WeakMap<Located, Map<ArtifactPlace, DataRef>>();

function buildData({ place, choice }: Target, text: string, node: Located | undefined, { context }: Builder): Value {
  const range = node?.range ?? context.place;
  const known = node && built.get(node)?.get(place);
  const ref = known?.ref === text ? known : dataRef(place, text, node, range);
  if (ref === undefined) return null;
  if (node !== undefined && known === undefined) built.set(node, (built.get(node) ?? new Map()).set(place, ref));
  const problem = context.dataProblem(ref);
  if (problem !== undefined) {
    const hint = choice && choiceHint(text, choice);
    const issue = { code: 'SND163', message: problem, ...(hint !== undefined && { hint }) } as const;
    blame(context.problems, issue, range, node?.use, context.place);
  }
  return ref;
}

function dataRef(place: ArtifactPlace, text: string, node: Located | undefined, range: Range): DataRef | undefined {
  const folder = (node?.type === 'scalar' ? node.folder : undefined) ?? range.file.folder;
  const parsed = parseDataRef(text, folder);
  return 'code' in parsed ? undefined : { $: 'data', ...parsed, ref: text, types: place.types, range };
}
