import { HubError } from './errors.ts';
import { type HubReference, type HubRepo, isCommit, isInside, repoName } from './reference.ts';
import { get, hostOf, networkFailure, Refused, type RequestHooks, withRetries } from './request.ts';
import type { HubSettings } from './settings.ts';

/** A file of a repository at one commit, as the hub's listing says. */
export interface HubFile {
  /** Inside the repository. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** The name of its bytes in the cache: their SHA-256 where they lie in large-file storage, else git's blob id. */
  readonly blob: string;
  /** Hexadecimal; known from the listing for large files alone. */
  readonly sha256?: string;
}

export interface HubRevision {
  readonly name: string;
  readonly kind: 'branch' | 'tag';
  readonly commit: string;
}

/** Answers larger than this are refused, in bytes. */
const MAX_JSON = 64 * 2 ** 20;
const MAX_PAGES = 10_000;

function apiAddress({ endpoint }: HubSettings, { type, id }: HubRepo, path = ''): string {
  return `${endpoint}/api/${type}s/${id}${path}`;
}

export function fileAddress({ endpoint }: HubSettings, { type, id }: HubRepo, commit: string, path: string): string {
  return `${endpoint}/${type === 'dataset' ? 'datasets/' : ''}${id}/resolve/${commit}/${path.split('/').map(encodeURIComponent).join('/')}`;
}

/** The commit that a revision stands for now. @throws HubError */
export async function askCommit(
  settings: HubSettings,
  { repo, revision }: HubReference,
  hooks: RequestHooks,
): Promise<string> {
  const address = apiAddress(settings, repo, `/revision/${encodeURIComponent(revision)}`);
  const { value } = await json(settings, address, hooks).catch(async (error: unknown) => {
    throw await explain(error, settings, { repo, revision }, hooks);
  });
  const commit = isRecord(value) ? value.sha : undefined;
  if (typeof commit !== 'string' || !isCommit(commit))
    throw notAHub(settings, 'does not say which commit a revision is');
  return commit;
}

/** Every file of a commit, sorted. @throws HubError */
export async function askListing(
  settings: HubSettings,
  repo: HubRepo,
  commit: string,
  hooks: RequestHooks,
): Promise<HubFile[]> {
  const files: HubFile[] = [];
  let address: string | undefined = apiAddress(settings, repo, `/tree/${commit}?recursive=true`);
  for (let page = 0; address !== undefined; page++) {
    if (page === MAX_PAGES) throw notAHub(settings, 'lists without end');
    const answer: JsonAnswer = await json(settings, address, hooks).catch(async (error: unknown) => {
      throw await explain(error, settings, { repo, revision: commit }, hooks);
    });
    if (!Array.isArray(answer.value)) throw notAHub(settings, 'does not list the files');
    for (const entry of answer.value) if (isRecord(entry) && entry.type === 'file') files.push(fileOf(entry, settings));
    address = answer.next;
    if (address !== undefined && new URL(address).origin !== new URL(settings.endpoint).origin) {
      throw notAHub(settings, 'continues its listing on another host');
    }
  }
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Branches and tags, sorted by name with their numbers in order. @throws HubError */
export async function listRevisions(
  settings: HubSettings,
  repo: HubRepo,
  hooks: RequestHooks = {},
): Promise<HubRevision[]> {
  if (settings.offline) throw new HubError('offline', 'Listing revisions needs the hub, and the network is forbidden.');
  const { value } = await json(settings, apiAddress(settings, repo, '/refs'), hooks).catch(async (error: unknown) => {
    throw await explain(error, settings, { repo }, hooks);
  });
  if (!isRecord(value)) throw notAHub(settings, 'does not list the revisions');
  const of = (list: unknown, kind: HubRevision['kind']) =>
    (Array.isArray(list) ? list : []).flatMap((entry: unknown) =>
      isRecord(entry) && typeof entry.name === 'string' && typeof entry.targetCommit === 'string'
        ? [{ name: entry.name, kind, commit: entry.targetCommit }]
        : [],
    );
  const byNumbers = new Intl.Collator('en', { numeric: true });
  return [...of(value.branches, 'branch'), ...of(value.tags, 'tag')].sort((a, b) => byNumbers.compare(a.name, b.name));
}

interface JsonAnswer {
  readonly value: unknown;
  /** The address of the next page. */
  readonly next: string | undefined;
}

function json(settings: HubSettings, address: string, hooks: RequestHooks): Promise<JsonAnswer> {
  return withRetries(settings, hooks, async () => {
    const { response, timer } = await get(settings, address, { accept: 'application/json' }, hooks.signal);
    const parts: Uint8Array[] = [];
    let size = 0;
    try {
      for await (const part of response.body ?? []) {
        timer.touch();
        size += part.length;
        if (size > MAX_JSON) throw notAHub(settings, 'answers with more than 64 MiB');
        parts.push(part);
      }
    } catch (error) {
      throw networkFailure(error, hostOf(settings.endpoint));
    } finally {
      timer.stop();
    }
    const next = /<([^>]+)>\s*;\s*rel="?next"?/.exec(response.headers.get('link') ?? '')?.[1];
    try {
      const value: unknown = JSON.parse(Buffer.concat(parts).toString('utf8'));
      return { value, next: next === undefined ? undefined : new URL(next, address).href };
    } catch {
      throw notAHub(settings, 'answers with something that is not JSON');
    }
  });
}

function fileOf(entry: Record<string, unknown>, settings: HubSettings): HubFile {
  const { path, size, oid } = entry;
  const large = isRecord(entry.lfs) ? entry.lfs : undefined;
  const sha256 = typeof large?.oid === 'string' ? large.oid.replace(/^sha256:/, '') : undefined;
  const bytes = large?.size ?? size;
  const blob = sha256 ?? oid;
  const valid =
    typeof path === 'string' &&
    isInside(path) &&
    typeof blob === 'string' &&
    (sha256 === undefined ? /^[0-9a-f]{40}$/ : /^[0-9a-f]{64}$/).test(blob) &&
    typeof bytes === 'number' &&
    Number.isSafeInteger(bytes) &&
    bytes >= 0;
  if (!valid) throw notAHub(settings, `lists a file without a usable path, size and digest: ${JSON.stringify(path)}`);
  return { path, size: bytes, blob, ...(sha256 === undefined ? {} : { sha256 }) };
}

/** Says of a refusal what it was that is not there or not allowed. */
export async function explain(
  error: unknown,
  settings: HubSettings,
  what: { readonly repo: HubRepo; readonly revision?: string; readonly file?: string },
  hooks: RequestHooks,
): Promise<unknown> {
  if (!(error instanceof Refused)) return error;
  const { repo, revision, file } = what;
  const name = repoName(repo);
  const host = hostOf(settings.endpoint);
  const page = `${settings.endpoint}/${repo.type === 'dataset' ? 'datasets/' : ''}${repo.id}`;
  const hasToken = settings.token() !== undefined;
  if (error.word === 'GatedRepo' || error.status === 403) {
    return new HubError(
      'refused',
      `${host} refuses access to ${name} (${error.status}): it is gated or private.`,
      hasToken
        ? `Ask for access at ${page} with the account of the token that HF_TOKEN holds.`
        : `Ask for access at ${page}, then set HF_TOKEN to a token of that account.`,
    );
  }
  if (error.status === 401) {
    return new HubError(
      'refused',
      hasToken
        ? `${host} has no ${name} that this token may see (401).`
        : `${host} has no ${name}, or it is private or gated (401).`,
      hasToken
        ? 'Check the name, and that HF_TOKEN holds a valid token.'
        : 'Check the name; if it is right, set HF_TOKEN.',
    );
  }
  if (error.status === 404) {
    const noRepo = new HubError('missing', `${host} has no repository ${name}.`, 'Check the name.');
    if (error.word === 'RepoNotFound' || revision === undefined) return noRepo;
    if (error.word === 'EntryNotFound' && file !== undefined) {
      return new HubError('missing', `${name}@${revision} has no file ${file}.`);
    }
    if (error.word !== 'RevisionNotFound') {
      const repository = await json(settings, apiAddress(settings, repo), hooks).catch((again: unknown) => again);
      if (repository instanceof Refused) return explain(repository, settings, { repo }, hooks);
    }
    return new HubError(
      'missing',
      file === undefined ? `${name} has no revision ${revision}.` : `${name}@${revision} has no file ${file}.`,
      file === undefined ? `sonde models revisions ${name} lists them.` : undefined,
    );
  }
  return new HubError('unreachable', `${host} answers ${error.status} to a request about ${name}.`);
}

function notAHub(settings: HubSettings, what: string): HubError {
  return new HubError('unreachable', `${hostOf(settings.endpoint)} ${what}.`, 'Check HF_ENDPOINT.');
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
