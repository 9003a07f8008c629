import { existsSync } from 'node:fs';
import { UserError } from '@sonde/base';
import { listEmbedded, resolveEmbedded } from '@sonde/embedded';
import { nearest } from '@sonde/pipeline';
import type { DataName } from './data-name.ts';
import { findHere } from './find.ts';
import { isFolderType } from './folders.ts';
import type { DataSources } from './sources.ts';

/** What can be said at once against a reference: nothing is read, nobody is asked. */
export function dataProblem(ref: DataName): string | undefined {
  if (ref.scheme === 'path') return existsSync(ref.target) ? undefined : missingPath(ref);
  if (ref.scheme !== 'embedded') return undefined;
  try {
    resolveEmbedded(ref.target, ref.types);
    return undefined;
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
}

/** What two words with a slash between them may have been meant to be. */
const REPOSITORY = /^[A-Za-z0-9][A-Za-z0-9._-]*\/[A-Za-z0-9][A-Za-z0-9._-]*$/;

function missingPath({ ref, target, types }: DataName): string {
  const missing = `there is no file or folder ${target}`;
  if (types.some(isFolderType) && REPOSITORY.test(ref)) return `${missing}; of the hub it would be \`hf:${ref}\``;
  const embedded = listEmbedded().filter(({ kind }) => types.includes(kind));
  const near = nearest(
    ref,
    embedded.map(({ name }) => name),
  );
  if (near === ref) return `${missing}; what Sonde ships under this name is \`embedded:${ref}\``;
  return near === undefined ? missing : `${missing}; did you mean \`embedded:${near}\`?`;
}

/** What is wrong with the data on this machine that references name, each once: folders are looked into. */
export async function dataProblems<Ref extends DataName>(
  refs: readonly Ref[],
  sources: DataSources,
): Promise<{ readonly ref: Ref; readonly problem: UserError }[]> {
  const found: { ref: Ref; problem: UserError }[] = [];
  const seen = new Set<string>();
  for (const ref of refs) {
    const { scheme, target, types } = ref;
    const id = [scheme, target, ...types].join('\0');
    if (seen.has(id)) continue;
    seen.add(id);
    const place: DataName = ref;
    if (place.scheme === 'hf' || place.scheme === 'https') continue;
    await findHere(place, sources).catch((problem: unknown) => {
      if (!(problem instanceof UserError)) throw problem;
      found.push({ ref, problem });
    });
  }
  return found;
}
