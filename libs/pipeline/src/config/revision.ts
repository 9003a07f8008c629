import type { ArtifactPlace } from '../step-kind.ts';
import { markOf, type Plain, type PlainObject } from './artifact.ts';
import { statedBy } from './schema-walk.ts';
import type { Schema } from './validators.ts';

export interface RevisionProblem {
  readonly key: string;
  readonly message: string;
}

const NAMED = /^(embedded:[^@/]+|hf:[^@/]+\/[^@/]+)(\/.*)?$/;

/**
 * Writes `{ ref: embedded:a, revision: b }` as `{ ref: embedded:a@b }`, in place: the same data has one name and so one
 * fingerprint. Gives what stands in the way.
 */
export function joinRevisions(
  schemas: readonly Schema[],
  root: Schema,
  object: PlainObject,
): readonly RevisionProblem[] {
  return revisionKeys(schemas, root).flatMap(({ name, key }) => {
    if (!Object.hasOwn(object, key)) return [];
    const revision = object[key];
    delete object[key];
    const message = join(object, name, revision);
    return message === undefined ? [] : [{ key, message }];
  });
}

interface RevisionKey {
  readonly name: string;
  readonly key: string;
}

const known = new WeakMap<readonly Schema[], readonly RevisionKey[]>();

/** The keys of these schemas' maps that name data, each with the key of its revision. */
function revisionKeys(schemas: readonly Schema[], root: Schema): readonly RevisionKey[] {
  const found =
    known.get(schemas) ??
    schemas.flatMap((schema) =>
      Object.entries((schema.properties ?? {}) as Record<string, Schema>).flatMap(([name, part]) => {
        const key = (statedBy(part, root, 'artifact') as ArtifactPlace | undefined)?.revision;
        return key === undefined ? [] : [{ name, key }];
      }),
    );
  known.set(schemas, found);
  return found;
}

function join(object: PlainObject, name: string, revision: Plain | undefined): string | undefined {
  const ref = object[name];
  // What is no text has been reported.
  if (typeof revision !== 'string') return undefined;
  if (typeof ref === 'string') {
    const [, data, file = ''] = NAMED.exec(ref) ?? [];
    if (data !== undefined) {
      object[name] = `${data}@${revision}${file}`;
      return undefined;
    }
    const named = /^(embedded|hf):/.test(ref);
    return named
      ? `\`${ref}\` names a revision itself`
      : `a path has no revisions; name the folder of the one you mean`;
  }
  return markOf(ref)?.type === 'reference' ? "a step's output has no revisions" : undefined;
}
