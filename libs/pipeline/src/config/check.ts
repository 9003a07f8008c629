import { blame } from '../diagnostics/blame.ts';
import type { Problems } from '../diagnostics/problems.ts';
import type { ValueObject } from '../graph.ts';
import type { StepKindSpec } from '../step-kind.ts';
import { findReference, isBroken, type Located, type LocatedMap, locate } from '../values/located.ts';
import type { OutputItem } from '../values/reference.ts';
import { type PlainObject, toPlain } from './artifact.ts';
import { type ConfigContext, placeArtifacts } from './artifact-places.ts';
import { applyDefaults } from './defaults.ts';
import { formatTexts } from './format-texts.ts';
import type { Planned, RunConfig } from './input-artifact.ts';
import { configIssues } from './schema-errors.ts';
import { placeOf } from './schema-walk.ts';
import type { Schema } from './validators.ts';

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
  formatTexts(plain, node, placeOf(root, plain, 'none'));
  applyDefaults(plain, placeOf(root, plain, 'none'), root);
  for (const issue of configIssues(root, plain)) {
    const found = locate(node, issue.path, issue.key);
    if (found.node.type === 'broken' && !issue.key) continue;
    blame(problems, issue, found.range, found.use, context.place);
  }
  const { value, references } = placeArtifacts(plain, node, root, context);
  if (problems.errorCount() > before || isBroken(node) || hasUnknown(node)) return undefined;
  for (const { path, message } of spec.check?.(value as Planned<RunConfig>) ?? []) {
    const found = locate(node, path);
    blame(problems, { code: 'SND180', message }, found.range, found.use, context.place);
  }
  return problems.errorCount() > before ? undefined : { value, references };
}

function hasUnknown(node: Located): boolean {
  if (node.type === 'reference') return node.reference.unknown;
  if (node.type === 'list') return node.items.some(hasUnknown);
  return node.type === 'map' && [...node.entries.values()].some((entry) => hasUnknown(entry.value));
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
