import { join } from 'node:path';
import { memo, UserError } from '@sonde/base';
import type { Digest, Store } from '@sonde/store';
import PQueue from 'p-queue';
import { describeAddress } from './address.ts';
import type { DataName } from './data-name.ts';
import { type Content, changedFile, contentOf, digestOfFiles, findPlace, type Place } from './files.ts';
import { findHere, findRemote } from './find.ts';
import { DataUnknown, type OutsideData } from './outside-data.ts';
import type { FetchHooks, RemoteData, ResolveHooks } from './remote.ts';
import type { DataSources } from './sources.ts';

/** References that another machine is asked about at a time. */
const ASKING = 8;

export type DataResolver = (ref: DataName) => Promise<OutsideData>;

/**
 * Resolves each reference once: a graph of a thousand tasks names few files. `ask`: other machines may be asked; without
 * it the resolver throws `DataUnknown` for what only they can tell.
 */
export function createDataResolver(store: Store, sources: DataSources, ask?: ResolveHooks): DataResolver {
  const asking = new PQueue({ concurrency: ASKING });
  const resolved = new Map<string, Promise<OutsideData>>();
  const describe = async (ref: DataName): Promise<OutsideData> => {
    if (ref.scheme === 'https') return describeAddress(ref, store, sources.offline === true);
    if (ref.scheme !== 'hf') return describePlace(await findHere(ref, sources), store);
    return asking.add(() => describeRemote(ref, store, sources, ask));
  };
  return (ref) => {
    const digest = ref.scheme === 'https' ? ref.sha256 : '';
    return memo(resolved, [ref.scheme, ref.target, digest, ...ref.types].join('\0'), () => describe(ref));
  };
}

async function describePlace(place: Place, store: Store): Promise<OutsideData> {
  const content = await contentOf(place, store);
  return {
    type: place.type,
    digest: content.digest,
    open: async () => place.path,
    missing: async () => 0,
    files: () => pathsOf(content),
    changedFile: () => changedFile(content, store),
  };
}

async function describeRemote(
  ref: DataName,
  store: Store,
  sources: DataSources,
  ask: ResolveHooks | undefined,
): Promise<OutsideData> {
  const remote = await findRemote(ref, sources, ask).catch((error: unknown) => {
    if (ask?.signal.aborted === true) throw new DataUnknown(ref.ref, 'the run was interrupted');
    throw error;
  });
  const { type, identity, path, files } = remote;
  if (files === undefined) {
    return {
      ...(await describePlace(await findPlace({ ...ref, types: [type] }, path, sources.folders), store)),
      identity,
    };
  }
  let brought: Promise<Content> | undefined;
  let here: Content | undefined;
  return {
    type,
    digest: digestOfFiles(files),
    identity,
    async open(hooks) {
      brought ??= fetchChecked(ref, remote, files, hooks, store, sources);
      brought.catch(() => {
        brought = undefined;
      });
      here = await brought;
      return path;
    },
    missing: () => remote.missing(),
    files: () => (here === undefined ? [] : pathsOf(here)),
    changedFile: async () => (brought === undefined ? undefined : changedFile(await brought, store)),
  };
}

function pathsOf({ files }: Content): { path: string; digest: Digest }[] {
  return files.map(({ path, digest }) => ({ path, digest }));
}

/** Brings remote data here and checks that it is what its listing said. */
async function fetchChecked(
  { ref }: DataName,
  remote: RemoteData,
  listed: NonNullable<RemoteData['files']>,
  hooks: FetchHooks,
  store: Store,
  { folders }: DataSources,
): Promise<Content> {
  const { path, type, identity } = remote;
  await remote.fetch(hooks);
  const content = await contentOf(await findPlace({ ref, types: [type] }, path, folders), store);
  for (const [name, { digest }] of Object.entries(listed)) {
    const file = content.files.find((one) => one.path === (name === '' ? path : join(path, name)));
    if (file !== undefined && file.digest !== digest) {
      throw new UserError(
        'data',
        `${file.path} is damaged: its digest is ${file.digest}, and \`${identity}\` has ${digest}.`,
        'Delete the file that it points to; the next run downloads it again.',
      );
    }
  }
  if (content.digest !== digestOfFiles(listed)) {
    throw new UserError('data', `${path} does not hold what \`${identity}\` lists.`);
  }
  return content;
}
