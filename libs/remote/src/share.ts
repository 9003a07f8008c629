import { memo, UserError } from '@sonde/base';
import {
  type Artifacts,
  BlobDamaged,
  type Digest,
  digestsOf,
  type Key,
  type LocalResults,
  type Presence,
  presenceOf,
  type ResultRecord,
  type Store,
  type StoredArtifact,
  worstOf,
} from '@sonde/store';
import PQueue from 'p-queue';
import { decodeEntry, MAX_ENTRY } from './entry.ts';
import { type FetchHooks, fetchContent } from './fetch.ts';
import { type Remote, RemoteFailure } from './remote.ts';
import { giveResult, sizesIn } from './transfer.ts';

/** What happens between stores, for who watches. */
export type RemoteEvent =
  /** Bytes here, of all of an output. The first says that a transfer starts. */
  | { readonly event: 'fetching'; readonly what: string; readonly done: number; readonly total: number }
  | {
      readonly event: 'fetched';
      readonly what: string;
      readonly from: string;
      readonly bytes: number;
      readonly seconds: number;
    }
  | { readonly event: 'given'; readonly key: Key; readonly to: string; readonly bytes: number }
  /** It is done without; told once for each kind of failure of a remote. */
  | { readonly event: 'failed'; readonly remote: string; readonly message: string; readonly hint: string | undefined };

export interface ShareOptions {
  readonly remotes: readonly Remote[];
  /** Entries that are not signed with it are not believed, and ours are signed. */
  readonly secret?: string | undefined;
  readonly onEvent?: (event: RemoteEvent) => void;
  readonly signal?: AbortSignal | undefined;
}

/** A store that goes on elsewhere. */
export interface SharedStore extends Store {
  /** Brings all of a result that a remote was found to have. Names the outputs that could not be brought. */
  bringResult(record: ResultRecord): Promise<readonly string[]>;
  /** Gives a result that another process has put into the store to the remotes that take results and have not got it. */
  give(record: ResultRecord): void;
  /** Waits until what was to be given is given, or has failed. */
  settle(): Promise<void>;
}

/** Contents and results that are brought or given at a time. */
const AT_ONCE = 4;
/** Questions to remotes at a time. */
const QUESTIONS = 16;

/**
 * The store, which also finds what its remotes have: results by their keys, content when it is opened. What came whole
 * is the store's own from then on. What is put into it is given to the remotes that take it, in the background.
 */
export function shareStore(store: Store, options: ShareOptions): SharedStore {
  // Nothing stands between a store without remotes and who asks it: a plan asks for every task.
  if (options.remotes.length === 0) {
    return { ...store, bringResult: async () => [], give: () => undefined, settle: async () => undefined };
  }
  const { onEvent = () => undefined, secret, signal } = options;
  const transfers = new PQueue({ concurrency: AT_ONCE });
  const questions = new PQueue({ concurrency: QUESTIONS });
  const giving = new PQueue({ concurrency: AT_ONCE });
  const unusable = new Set<Remote>();
  const told = new Set<string>();
  const entries = new Map<Key, Promise<ResultRecord | undefined>>();
  const places = new Map<Digest, Promise<Remote | undefined>>();
  const bringing = new Map<Digest, Promise<Remote | undefined>>();
  /** Results of others of which not all is here yet. */
  const foreign = new Map<Key, ResultRecord>();
  const sizes = new Map<Digest, number>();
  const given = new Set<Key>();

  /** A remote's failure is a warning and no answer. One that cannot be reached, or refuses, is not asked again. */
  async function attempt<T>(remote: Remote, work: () => Promise<T>): Promise<T | undefined> {
    if (unusable.has(remote)) return undefined;
    try {
      return await work();
    } catch (error) {
      if (signal?.aborted === true) return undefined;
      if (!(error instanceof RemoteFailure)) throw error;
      if (error.problem !== 'wrong') unusable.add(remote);
      tell(remote, error);
      return undefined;
    }
  }

  function tell(remote: Remote, { message, hint }: UserError): void {
    if (!told.has(`${remote.name} ${message}`)) onEvent({ event: 'failed', remote: remote.name, message, hint });
    told.add(`${remote.name} ${message}`);
  }

  async function askForResult(key: Key): Promise<ResultRecord | undefined> {
    for (const remote of options.remotes) {
      const record = await attempt(remote, async () => {
        const bytes = await questions.add(() => remote.entry(key, MAX_ENTRY));
        if (bytes === undefined) return undefined;
        const found = decodeEntry(bytes, key, secret);
        if (typeof found !== 'string') return { ...found, notes: { ...found.notes, remote: remote.name } };
        throw new RemoteFailure('wrong', `${remote.name} has for ${key} ${found}`);
      });
      if (record === undefined) continue;
      remember(record);
      await adopt(record);
      return record;
    }
    return undefined;
  }

  function remember(record: ResultRecord): void {
    foreign.set(record.key, record);
    for (const [digest, size] of sizesIn(record)) sizes.set(digest, size);
  }

  /** Once all of another's result is here, it is the store's own. */
  async function adopt(record: ResultRecord): Promise<void> {
    if (store.readOnly) return;
    const parts = await Promise.all(
      Object.values(record.outputs).map((artifact) => store.artifacts.presence(artifact)),
    );
    if (worstOf(parts) !== 'here') return;
    const { remote, ...notes } = record.notes ?? {};
    await store.results.put({ ...record, notes: { ...notes, brought_from: remote ?? null } });
    foreign.delete(record.key);
  }

  /** Who has content that is not here. */
  function placeOf(digest: Digest): Promise<Remote | undefined> {
    return memo(places, digest, async () => {
      for (const remote of options.remotes) {
        if (await attempt(remote, () => questions.add(() => remote.hasContent(digest)))) return remote;
      }
      return undefined;
    });
  }

  async function blobPresence(digest: Digest, size?: number): Promise<Presence> {
    const here = await store.blobs.presence(digest, size);
    if (here === 'here') return here;
    return (await placeOf(digest)) === undefined ? here : 'elsewhere';
  }

  /** Brings content from the first remote that gives it sound: that one. Where none does, opening it says so. */
  function bring(digest: Digest, hooks: FetchHooks = {}): Promise<Remote | undefined> {
    return memo(bringing, digest, () =>
      transfers
        .add(async () => {
          for (const remote of options.remotes) {
            const fetch = () => fetchContent(remote, store, digest, sizes.get(digest), { signal, ...hooks });
            if (await attempt(remote, fetch)) return remote;
          }
          places.set(digest, Promise.resolve(undefined));
          return undefined;
        })
        .finally(() => bringing.delete(digest)),
    );
  }

  async function bringMissing(artifact: StoredArtifact, names?: readonly string[]): Promise<void> {
    if (store.readOnly) return;
    const files = Object.entries(artifact.files ?? {}).filter(([name]) => names === undefined || names.includes(name));
    const single = artifact.files === undefined;
    if (single) sizes.set(artifact.digest, artifact.size);
    for (const [, { digest, size }] of files) sizes.set(digest, size);
    const wanted = [
      ...(names === undefined || single ? [artifact.digest] : []),
      ...files.map(([, file]) => file.digest),
    ];
    const states = await Promise.all(wanted.map((digest) => store.blobs.presence(digest, sizes.get(digest))));
    const missing = wanted.filter((_, at) => states[at] !== 'here');
    if (missing.length === 0) return;
    // What somebody else here has begun to bring is told by them.
    const own = missing.filter((digest) => !bringing.has(digest));
    const report = own.length === 0 ? () => undefined : onEvent;
    const what = `${artifact.type} ${artifact.digest.slice(7, 19)}`;
    const total = own.reduce((sum, digest) => sum + (sizes.get(digest) ?? 0), 0);
    let done = 0;
    const began = performance.now();
    report({ event: 'fetching', what, done, total });
    const onBytes = (bytes: number) => {
      done += bytes;
      report({ event: 'fetching', what, done, total });
    };
    const from = (await Promise.all(missing.map((digest) => bring(digest, { onBytes }))))[0]?.name ?? '';
    const seconds = Math.round(performance.now() - began) / 1000;
    report({ event: 'fetched', what, from, bytes: done, seconds });
    const ofThis = [...foreign.values()].filter(({ outputs }) =>
      Object.values(outputs).some(({ digest }) => digest === artifact.digest),
    );
    for (const record of ofThis) await adopt(record);
  }

  const artifacts: Artifacts = {
    ...store.artifacts,
    async open(artifact) {
      await bringMissing(artifact);
      return orAgain(() => store.artifacts.open(artifact), artifact);
    },
    async openFile(artifact, name) {
      await bringMissing(artifact, name === undefined ? undefined : [name]);
      return store.artifacts.openFile(artifact, name);
    },
    async export(artifact, destination) {
      await bringMissing(artifact);
      return store.artifacts.export(artifact, destination);
    },
    async check(artifact) {
      await bringMissing(artifact);
      return orAgain(() => store.artifacts.check(artifact), artifact);
    },
    presence: (artifact) => presenceOf({ presence: blobPresence }, artifact),
  };

  /** What turned out damaged here was set aside, so that it can be brought. */
  async function orAgain<T>(work: () => Promise<T>, artifact: StoredArtifact): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof BlobDamaged) || store.readOnly) throw error;
      await bringMissing(artifact);
      return work();
    }
  }

  const results: LocalResults = {
    ...store.results,
    async find(key) {
      const found = await store.results.find(key);
      if (found.presence === 'here') return found;
      const record = await memo(entries, key, () => askForResult(key));
      return record === undefined ? found : { presence: 'here', record };
    },
    async get(key) {
      const found = await results.find(key);
      return found.presence === 'here' ? found.record : undefined;
    },
    async put(record) {
      await store.results.put(record);
      foreign.delete(record.key);
      entries.delete(record.key);
      for (const digest of digestsOf(record)) places.delete(digest);
      giveTo(record, async () => true);
    },
  };

  /** In the background, where it is wanted. */
  function giveTo(record: ResultRecord, isWanted: (remote: Remote) => Promise<boolean>): void {
    // A shard is in the whole result as well, which is what others ask for.
    if (record.fingerprint.shard !== undefined) return;
    given.add(record.key);
    for (const remote of options.remotes.filter(({ writes }) => writes)) {
      void giving.add(async () => {
        const bytes = await attempt(remote, async () =>
          (await isWanted(remote)) ? giveResult(remote, store, record, { secret, signal }) : undefined,
        ).catch((error: unknown) => {
          // Content that is gone or damaged meanwhile: who reads it here is told, and nobody waits for this.
          if (!(error instanceof UserError)) throw error;
          tell(remote, error);
          return undefined;
        });
        if (bytes !== undefined) onEvent({ event: 'given', key: record.key, to: remote.name, bytes });
      });
    }
  }

  return {
    ...store,
    blobs: {
      ...store.blobs,
      presence: blobPresence,
      async open(digest) {
        if (!store.readOnly && (await store.blobs.presence(digest)) === 'missing') await bring(digest);
        return store.blobs.open(digest);
      },
    },
    artifacts,
    results,
    async bringResult(record) {
      remember(record);
      const outputs = Object.entries(record.outputs);
      const brought = await Promise.all(
        outputs.map(([, artifact]) =>
          artifacts.check(artifact).then(
            () => true,
            (error: unknown) => {
              if (error instanceof BlobDamaged) return false;
              throw error;
            },
          ),
        ),
      );
      await adopt(record);
      return outputs.flatMap(([name], at) => (brought[at] ? [] : [name]));
    },
    give(record) {
      if (given.has(record.key) || record.notes?.remote !== undefined) return;
      giveTo(record, async (remote) => (await remote.entry(record.key, MAX_ENTRY)) === undefined);
    },
    async settle() {
      await giving.onIdle();
    },
    async close() {
      await giving.onIdle();
      await store.close();
    },
  };
}
