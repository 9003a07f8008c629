import { UserError } from '@sonde/base';
import { resolveEmbedded } from '@sonde/embedded';
import type { DataName } from './data-name.ts';
import { findPlace, type Place } from './files.ts';
import type { FetchHooks, RemoteData, ResolveHooks } from './remote.ts';
import type { DataSources } from './sources.ts';

/** Data that lies on this machine: at a path, or inside Sonde. @throws UserError */
export async function findHere(
  ref: DataName & { readonly scheme: 'path' | 'embedded' },
  { folders }: DataSources,
): Promise<Place> {
  if (ref.scheme === 'path') return findPlace(ref, ref.target, folders);
  const { kind, path } = resolveEmbedded(ref.target);
  if (!ref.types.includes(kind)) {
    throw new UserError('data', `\`${ref.ref}\` is a ${kind}; expected ${ref.types.join(' or ')}.`);
  }
  return findPlace({ ref: ref.ref, types: [kind] }, path, folders);
}

/** What another machine has. @throws UserError; DataUnknown where it would have to be asked and may not be */
export async function findRemote(ref: DataName, { remote }: DataSources, ask?: ResolveHooks): Promise<RemoteData> {
  if (remote === undefined) throw new UserError('data', `\`${ref.ref}\`: there is no source for such references here.`);
  return remote.describe(ref, ask);
}

/** Brings a folder to this machine without reading it: where it lies, and what its reference stands for. @throws UserError */
export async function bringFolder(
  ref: DataName,
  sources: DataSources,
  hooks: ResolveHooks & Pick<FetchHooks, 'progress'>,
): Promise<{ readonly path: string; readonly identity?: string }> {
  if (ref.scheme === 'https') {
    throw new UserError('data', `\`${ref.ref}\`: an address names one file; a ${ref.types.join(' or ')} is a folder.`);
  }
  if (ref.scheme !== 'hf') return { path: (await findHere(ref, sources)).path };
  const remote = await findRemote(ref, sources, hooks);
  const { signal, progress } = hooks;
  await remote.fetch({ signal, progress, retry: (message, seconds) => hooks.retry(ref.ref, message, seconds) });
  return { path: remote.path, identity: remote.identity };
}
