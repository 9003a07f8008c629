import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';

/** What a client asked for, as the hub or its storage host saw it. */
export interface Seen {
  readonly host: 'hub' | 'storage';
  /** Path and query. */
  readonly url: string;
  readonly authorization: string | undefined;
  readonly range: string | undefined;
  readonly ifRange: string | undefined;
}

export interface FakeRepo {
  /** `owner/name`, or `datasets/owner/name`. */
  readonly id: string;
  /** Branches and tags → commit. */
  revisions: Record<string, string>;
  readonly tags?: readonly string[];
  /** Commit → path → content. */
  readonly commits: Record<string, Record<string, Buffer>>;
  /** Only this token may see it; without it the answer is 401. */
  readonly token?: string;
  /** 403 with any token. */
  readonly gated?: boolean;
}

/** Answers a request in the place of the hub: true if it did. */
export type Fault = (seen: Seen, response: ServerResponse) => boolean;

export interface FakeHub {
  readonly endpoint: string;
  /** Host and port of the storage, to which large files are redirected. */
  readonly storage: string;
  readonly seen: Seen[];
  readonly faults: Fault[];
  readonly repos: FakeRepo[];
  /** What the listing is to say of a file instead of its true SHA-256. */
  readonly lies: Map<string, string>;
  /** Entries of a page of the listing. */
  pageSize: number;
  close(): Promise<void>;
}

/** Larger files lie in the storage, as the hub's large-file storage does. */
const LARGE = 10_000;

export const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
export const gitBlob = (bytes: Buffer): string =>
  createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
export const commitId = (n: number): string => createHash('sha1').update(`commit ${n}`).digest('hex');

/** All files of a folder. */
export const filesOf = (folder: string): Record<string, Buffer> =>
  Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(path.join(folder, name))]));

/** Sends a file or the part that is asked for. */
export function sendBytes(seen: Seen, response: ServerResponse, bytes: Buffer, etag: string): void {
  const from = /^bytes=(\d+)-$/.exec(seen.range ?? '')?.[1];
  response.setHeader('etag', etag);
  response.setHeader('accept-ranges', 'bytes');
  if (from === undefined || (seen.ifRange !== undefined && seen.ifRange !== etag)) {
    response.writeHead(200, { 'content-length': bytes.length }).end(bytes);
  } else if (Number(from) >= bytes.length) {
    response.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end();
  } else {
    const rest = bytes.subarray(Number(from));
    response
      .writeHead(206, {
        'content-length': rest.length,
        'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}`,
      })
      .end(rest);
  }
}

/** A hub on this machine: two servers, of which the second is another host to a client. */
export async function startFakeHub(repos: FakeRepo[]): Promise<FakeHub> {
  const seen: Seen[] = [];
  const faults: Fault[] = [];
  const lies = new Map<string, string>();
  const handle = (host: Seen['host'], answer: (one: Seen, response: ServerResponse) => void) => {
    return (request: IncomingMessage, response: ServerResponse) => {
      const { authorization, range, 'if-range': ifRange } = request.headers;
      const one = { host, url: request.url ?? '', authorization, range, ifRange: ifRange?.toString() };
      seen.push(one);
      if (!faults.some((fault) => fault(one, response))) answer(one, response);
    };
  };
  const hub = createServer(handle('hub', (one, response) => answerHub(one, response, fake)));
  const storage = createServer(handle('storage', (one, response) => answerStorage(one, response, fake)));
  const [endpoint, storageAddress] = await Promise.all([listen(hub), listen(storage)]);
  const fake: FakeHub = {
    endpoint,
    storage: new URL(storageAddress).host,
    seen,
    faults,
    repos,
    lies,
    pageSize: 2,
    close: () => Promise.all([hub, storage].map(stop)).then(() => undefined),
  };
  return fake;
}

const listen = (server: Server): Promise<string> =>
  new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
  });

const stop = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });

const refuse = (response: ServerResponse, status: number, word: string): void => {
  response.writeHead(status, { 'x-error-code': word, 'content-type': 'application/json' }).end('{"error":"no"}');
};

const sendJson = (response: ServerResponse, value: unknown, headers: Record<string, string> = {}): void => {
  response.writeHead(200, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value));
};

function answerHub(one: Seen, response: ServerResponse, fake: FakeHub): void {
  const url = new URL(one.url, fake.endpoint);
  const repo = fake.repos.find(({ id }) => {
    const api = id.startsWith('datasets/') ? `/api/${id}` : `/api/models/${id}`;
    return url.pathname === api || url.pathname.startsWith(`${api}/`) || url.pathname.startsWith(`/${id}/resolve/`);
  });
  if (repo === undefined || (repo.token !== undefined && one.authorization !== `Bearer ${repo.token}`)) {
    refuse(response, repo === undefined && one.authorization !== undefined ? 404 : 401, 'RepoNotFound');
    return;
  }
  const rest = url.pathname.slice(url.pathname.indexOf(repo.id) + repo.id.length + 1);
  const [what = '', revision = '', ...parts] = rest.split('/').map(decodeURIComponent);
  const commit = repo.revisions[revision] ?? revision;
  const files = repo.commits[commit];
  if (what === '') sendJson(response, { id: repo.id });
  else if (what === 'refs') {
    const list = Object.entries(repo.revisions).map(([name, targetCommit]) => ({ name, ref: name, targetCommit }));
    const isTag = ({ name }: { name: string }) => repo.tags?.includes(name) === true;
    sendJson(response, { branches: list.filter((one) => !isTag(one)), tags: list.filter(isTag), converts: [] });
  } else if (files === undefined) refuse(response, 404, 'RevisionNotFound');
  else if (what === 'revision') sendJson(response, { id: repo.id, sha: commit });
  else if (repo.gated) refuse(response, 403, 'GatedRepo');
  else if (what === 'tree') sendTree(response, fake, url, files);
  else sendFile(one, response, fake, commit, files[parts.join('/')]);
}

function sendTree(response: ServerResponse, fake: FakeHub, url: URL, files: Record<string, Buffer>): void {
  const start = Number(url.searchParams.get('cursor') ?? 0);
  const names = Object.keys(files).sort();
  const entries = names.slice(start, start + fake.pageSize).map((name) => {
    const bytes = files[name]!;
    const oid = fake.lies.get(name) ?? sha256(bytes);
    const lfs = bytes.length > LARGE ? { lfs: { oid, size: bytes.length, pointerSize: 130 } } : {};
    return { type: 'file', path: name, size: bytes.length, oid: gitBlob(bytes), ...lfs };
  });
  const next = start + fake.pageSize;
  const link = `<${fake.endpoint}${url.pathname}?recursive=true&cursor=${next}>; rel="next"`;
  sendJson(
    response,
    [{ type: 'directory', path: 'folder', oid: '0' }, ...entries],
    next < names.length ? { link } : {},
  );
}

function sendFile(one: Seen, response: ServerResponse, fake: FakeHub, commit: string, bytes: Buffer | undefined): void {
  response.setHeader('x-repo-commit', commit);
  if (bytes === undefined) refuse(response, 404, 'EntryNotFound');
  else if (bytes.length <= LARGE) sendBytes(one, response, bytes, `"${gitBlob(bytes)}"`);
  else {
    const location = `http://${fake.storage}/${sha256(bytes)}?signature=SIGNED`;
    const linked = { 'x-linked-size': bytes.length, 'x-linked-etag': `"${sha256(bytes)}"` };
    response.writeHead(302, { location, ...linked }).end();
  }
}

function answerStorage(one: Seen, response: ServerResponse, fake: FakeHub): void {
  const name = new URL(one.url, 'http://storage').pathname.slice(1);
  const all = fake.repos.flatMap(({ commits }) => Object.values(commits).flatMap((files) => Object.values(files)));
  const bytes = all.find((content) => sha256(content) === name);
  if (bytes === undefined) refuse(response, 404, 'EntryNotFound');
  else sendBytes(one, response, bytes, `"storage-${name.slice(0, 8)}"`);
}

/** The unfinished downloads of one content in a cache folder's `blobs`: name and bytes so far. */
export async function unfinished(blobs: string, digest: string): Promise<{ name: string; size: number }[]> {
  const names = await readdir(blobs).catch(() => []);
  const mine = names.filter((name) => name.startsWith(digest) && name.endsWith('.incomplete'));
  const sizes = await Promise.all(mine.map((name) => stat(path.join(blobs, name)).catch(() => undefined)));
  return mine.flatMap((name, at) => (sizes[at] === undefined ? [] : [{ name, size: sizes[at].size }]));
}

/** Waits until a download of that content holds `size` bytes or more on the disk. */
export async function untilHeld(blobs: string, digest: string, size: number): Promise<void> {
  while (!(await unfinished(blobs, digest)).some((file) => file.size >= size)) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
