import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { lstat, mkdir, readdir, readFile, readlink, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import {
  cachedCommit,
  type FetchHooks,
  fetchFiles,
  HubError,
  hubSettings,
  listFiles,
  listRevisions,
  parseReference,
  resolveCommit,
} from '@sonde/hub';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  commitId,
  type FakeHub,
  type FakeRepo,
  gitBlob,
  type Seen,
  sendBytes,
  sha256,
  startFakeHub,
  unfinished,
  untilHeld,
} from './fake-hub.ts';
import { temporaryFolder } from './sonde.ts';

const TOKEN = 'hf_secret';
const large = randomBytes(300_000);
const small = Buffer.from('{"a":1}\n');
const first = commitId(1);
const second = commitId(2);

let hub: FakeHub;
let folder: string;
let remove: () => Promise<void>;
let repo: FakeRepo;
beforeEach(async () => {
  ({ folder, remove } = await temporaryFolder());
  repo = {
    id: 'test/model',
    revisions: {
      main: first,
      'step1-tokens1B': second,
      'step10-tokens9B': second,
      'step2-tokens2B': second,
      v1: first,
    },
    tags: ['v1'],
    commits: {
      [first]: {
        'config.json': small,
        'deep/weights.bin': large,
        'other.txt': Buffer.from('x'),
        'empty.txt': Buffer.alloc(0),
      },
      [second]: { 'config.json': Buffer.from('{"a":2}\n'), 'deep/weights.bin': large },
    },
  };
  hub = await startFakeHub([
    repo,
    { id: 'test/private', token: TOKEN, revisions: { main: first }, commits: { [first]: { 'a.json': small } } },
    { id: 'test/gated', gated: true, revisions: { main: first }, commits: { [first]: {} } },
    { id: 'datasets/test/prompts', revisions: { main: first }, commits: { [first]: { 'p.jsonl': small } } },
  ]);
});
afterEach(async () => {
  await hub.close();
  await remove();
});

const settings = (env: Record<string, string> = {}, offline = false) =>
  hubSettings({ HF_ENDPOINT: hub.endpoint, HF_HOME: folder, ...env }, { retryDelay: 5, offline });
const cache = (...parts: string[]) => path.join(folder, 'hub', 'models--test--model', ...parts);

/** Resolves, lists and fetches everything, as a run does. */
const bring = async (text: string, hooks: FetchHooks = {}, env: Record<string, string> = {}, only?: string) => {
  const reference = parseReference(text);
  const commit = await resolveCommit(settings(env), reference, hooks);
  const files = await listFiles(settings(env), reference.repo, commit, hooks);
  const wanted = only === undefined ? files : files.filter((file) => file.path === only);
  return fetchFiles(settings(env), reference.repo, commit, wanted, hooks);
};
const fault = (matches: (seen: Seen) => boolean, times: number, action: FakeHub['faults'][number]) => {
  let left = times;
  hub.faults.push((seen, response) => matches(seen) && left-- > 0 && action(seen, response));
};
const storage = ({ host }: Seen) => host === 'storage';
const failure = async (work: Promise<unknown>): Promise<HubError> => {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof HubError)) throw new Error(`not a HubError: ${String(error)}`);
  return error;
};
const blobs = () => readdir(cache('blobs'));

describe('a repository in the cache', () => {
  it('lies as Python’s tools lay it: blobs by digest, relative links, a ref', async () => {
    const at = await bring('test/model@main');
    expect(at).toBe(cache('snapshots', first));
    expect((await blobs()).sort()).toEqual(
      [sha256(large), gitBlob(small), gitBlob(Buffer.from('x')), gitBlob(Buffer.alloc(0))].sort(),
    );
    expect(await readlink(path.join(at, 'deep/weights.bin'))).toBe(`../../../blobs/${sha256(large)}`);
    expect(await readlink(path.join(at, 'config.json'))).toBe(`../../blobs/${gitBlob(small)}`);
    expect(await readFile(path.join(at, 'deep/weights.bin'))).toEqual(large);
    expect(await readFile(cache('refs', 'main'), 'utf8')).toBe(first);
    expect(hub.seen.filter(({ url }) => url.includes('/tree/'))).toHaveLength(2);
  });

  it('is used without any request the second time, and offline', async () => {
    await bring('test/model@main');
    hub.seen.length = 0;
    await bring(`test/model@${first}`);
    const reference = parseReference('test/model@main');
    expect(await cachedCommit(settings(), reference)).toBe(first);
    expect(hub.seen).toEqual([]);
    expect(
      (await failure(resolveCommit(settings({ HF_HUB_OFFLINE: '1' }), parseReference('test/model@v1')))).problem,
    ).toBe('offline');
    expect(hub.seen).toEqual([]);
  });

  it('shares bytes between revisions, and follows a branch that has moved', async () => {
    await bring('test/model@main');
    hub.seen.length = 0;
    repo.revisions.main = second;
    const at = await bring('test/model@main');
    expect(at).toBe(cache('snapshots', second));
    expect(await readFile(path.join(at, 'config.json'), 'utf8')).toBe('{"a":2}\n');
    expect(hub.seen.some(storage)).toBe(false);
    expect(await readFile(cache('refs', 'main'), 'utf8')).toBe(second);
  });

  it('that Python has filled is used in place', async () => {
    await mkdir(cache('snapshots', first, 'deep'), { recursive: true });
    await mkdir(cache('blobs'));
    await writeFile(cache('blobs', sha256(large)), large);
    await symlink(`../../../blobs/${sha256(large)}`, cache('snapshots', first, 'deep/weights.bin'));
    // Where links were refused, a snapshot holds the files themselves.
    await writeFile(cache('snapshots', first, 'config.json'), small);
    await bring('test/model');
    expect(hub.seen.filter(({ url }) => /weights|config/.test(url))).toEqual([]);
    expect((await lstat(cache('snapshots', first, 'config.json'))).isFile()).toBe(true);
  });

  it('takes a data set, a folder with a token, and the cache folder from the environment', async () => {
    const env = { HF_HUB_CACHE: path.join(folder, 'elsewhere') };
    await bring('datasets/test/prompts', {}, env);
    expect(existsSync(path.join(env.HF_HUB_CACHE, 'datasets--test--prompts/snapshots', first, 'p.jsonl'))).toBe(true);
    await writeFile(path.join(folder, 'token'), `${TOKEN}\n`);
    await bring('test/private', {}, env);
  });
});

describe('the token', () => {
  it('goes to the hub alone, never to the host that it redirects to', async () => {
    await bring('test/model', {}, { HF_TOKEN: TOKEN });
    expect(hub.seen.filter(storage).length).toBeGreaterThan(0);
    for (const { host, authorization } of hub.seen) {
      expect(authorization).toBe(host === 'hub' ? `Bearer ${TOKEN}` : undefined);
    }
  });

  it('is in no message, nor is a signed address', async () => {
    const said: string[] = [];
    fault(storage, 100, (_seen, response) => !!response.writeHead(500).end());
    const error = await failure(bring('test/model', { onRetry: (message) => said.push(message) }, { HF_TOKEN: TOKEN }));
    expect(error.problem).toBe('unreachable');
    expect([error.message, error.hint, error.stack, ...said].join()).not.toMatch(/hf_secret|SIGNED/);
    expect(JSON.stringify(settings({ HF_TOKEN: TOKEN }))).not.toContain(TOKEN);
  });

  it('does not follow a redirect of the listing to another host', async () => {
    fault(
      ({ url }) => url.includes('/revision/'),
      1,
      (seen, response) => {
        return !!response.writeHead(307, { location: `http://${hub.storage}${seen.url}` }).end();
      },
    );
    await failure(bring('test/model', {}, { HF_TOKEN: TOKEN }));
    expect(hub.seen.filter(storage).map(({ authorization }) => authorization)).toEqual([undefined]);
  });
});

describe('a download', () => {
  it('goes on where a cut connection left it', async () => {
    fault(storage, 3, (_seen, response) => {
      response.writeHead(_seen.range === undefined ? 200 : 206, {
        'content-length': _seen.range === undefined ? large.length : large.length - Number(/\d+/.exec(_seen.range)![0]),
        etag: `"storage-${sha256(large).slice(0, 8)}"`,
        'content-range': `bytes ${/\d+/.exec(_seen.range ?? '0')![0]}-${large.length - 1}/${large.length}`,
      });
      const from = Number(/\d+/.exec(_seen.range ?? '0')![0]);
      response.write(large.subarray(from, from + 50_000));
      void untilHeld(cache('blobs'), sha256(large), from + 50_000).then(() => response.destroy());
      return true;
    });
    const progress: number[] = [];
    const at = await bring('test/model', { onProgress: (done) => progress.push(done) });
    expect(await readFile(path.join(at, 'deep/weights.bin'))).toEqual(large);
    const asked = hub.seen.filter(storage);
    expect(asked.map(({ range }) => range)).toEqual([undefined, 'bytes=50000-', 'bytes=100000-', 'bytes=150000-']);
    expect(asked.at(-1)!.ifRange).toBe(`"storage-${sha256(large).slice(0, 8)}"`);
    expect(progress.at(-1)).toBe(large.length + small.length + 1);
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
  });

  it('goes on with what a process that is gone has left', async () => {
    await mkdir(cache('blobs'), { recursive: true });
    const left = `${sha256(large)}.00000000-1.incomplete`;
    await writeFile(cache('blobs', left), large.subarray(0, 120_000));
    const { utimes } = await import('node:fs/promises');
    await utimes(cache('blobs', left), 0, 0);
    await bring('test/model');
    expect(hub.seen.filter(storage).map(({ range }) => range)).toEqual(['bytes=120000-']);
    expect((await blobs()).filter((name) => name.endsWith('.incomplete'))).toEqual([]);
  });

  it('starts again where what was left is not the beginning of the file', async () => {
    await mkdir(cache('blobs'), { recursive: true });
    await writeFile(cache('blobs', `${sha256(large)}.anything.incomplete`), randomBytes(120_000));
    const at = await bring('test/model');
    expect(hub.seen.filter(storage).map(({ range }) => range)).toEqual(['bytes=120000-', undefined]);
    expect(await readFile(path.join(at, 'deep/weights.bin'))).toEqual(large);
  });

  it('starts again where the server ignores the range', async () => {
    await mkdir(cache('blobs'), { recursive: true });
    await writeFile(cache('blobs', `${sha256(large)}.x.incomplete`), large.subarray(0, 1000));
    fault(storage, 1, (seen, response) => {
      sendBytes({ ...seen, range: undefined }, response, large, '"other"');
      return true;
    });
    expect(await readFile(path.join(await bring('test/model'), 'deep/weights.bin'))).toEqual(large);
  });

  it('waits as long as the server asks, and goes on after 429, 503 and a refused range', async () => {
    const waits: [string, number][] = [];
    fault(storage, 1, (_seen, response) => !!response.writeHead(429, { 'retry-after': '1' }).end());
    fault(storage, 1, (_seen, response) => !!response.writeHead(503).end());
    fault(
      ({ url }) => url.includes('/tree/'),
      1,
      (_seen, response) => !!response.writeHead(500).end(),
    );
    const started = performance.now();
    await bring('test/model', { onRetry: (message, seconds) => waits.push([message, seconds]) });
    expect(performance.now() - started).toBeGreaterThanOrEqual(1000);
    expect(waits.map(([, seconds]) => seconds)).toContain(1);
    expect(waits.map(([message]) => message).join()).toMatch(/429.*503|503.*429/);
  });

  it('does not wait for hours', async () => {
    fault(storage, 9, (_seen, response) => !!response.writeHead(429, { 'retry-after': '7200' }).end());
    expect((await failure(bring('test/model'))).hint).toContain('7200 s');
  });

  it('whose bytes are not those of the listing is thrown away', async () => {
    const wrong = Buffer.from(large);
    wrong[7]! ^= 1;
    fault(storage, 9, (seen, response) => {
      sendBytes(seen, response, wrong, '"x"');
      return true;
    });
    const error = await failure(bring('test/model'));
    expect(error.problem).toBe('damaged');
    expect(error.message).toContain('deep/weights.bin');
    expect(hub.seen.filter(storage)).toHaveLength(2);
    expect((await blobs()).some((name) => name.startsWith(sha256(large)))).toBe(false);
    expect(existsSync(cache('snapshots', first, 'deep/weights.bin'))).toBe(false);
  });

  it('that is longer or always shorter than the listing says is refused', async () => {
    fault(storage, 1, (_seen, response) => !!response.writeHead(200).end(Buffer.concat([large, large])));
    expect((await failure(bring('test/model'))).problem).toBe('damaged');
    fault(storage, 99, (_seen, response) => !!response.writeHead(200).end());
    expect((await failure(bring('test/model'))).problem).toBe('unreachable');
    expect(existsSync(cache('blobs', sha256(large)))).toBe(false);
  });

  it('of the same file at the same time is made once', async () => {
    await Promise.all([bring('test/model'), bring('test/model@step1-tokens1B')]);
    expect(hub.seen.filter(storage)).toHaveLength(1);
  });

  it('ends at once when it is told to, and keeps what it has', async () => {
    const stop = new AbortController();
    fault(storage, 1, (_seen, response) => {
      response.writeHead(200, { 'content-length': large.length }).write(large.subarray(0, 70_000));
      return true;
    });
    const work = bring('test/model', {
      signal: stop.signal,
      onProgress: (done) => {
        if (done >= 70_000) stop.abort();
      },
    });
    await expect(work).rejects.toThrow(/abort/);
    expect(await unfinished(cache('blobs'), sha256(large))).toHaveLength(1);
    await bring('test/model');
    expect(hub.seen.filter(storage).at(-1)!.range).toMatch(/^bytes=[67]\d{4}-$/);
  });
});

describe('what is not there or not allowed', () => {
  it('is said: repository, revision, file, gate, hub', async () => {
    expect((await failure(bring('test/nothing'))).message).toContain('hf:test/nothing');
    expect((await failure(bring('test/nothing', {}, { HF_TOKEN: TOKEN }))).message).toContain('no repository');
    expect((await failure(bring('test/model@v9'))).message).toBe('hf:test/model has no revision v9.');
    expect((await failure(bring('test/private'))).hint).toContain('set HF_TOKEN');
    const gated = await failure(bring('test/gated'));
    expect(gated).toMatchObject({ problem: 'refused' });
    expect(gated.hint).toContain(`${hub.endpoint}/test/gated`);
    const reference = parseReference('test/model');
    const ghost = { path: 'ghost.bin', size: 1, blob: '0'.repeat(40) };
    expect((await failure(fetchFiles(settings(), reference.repo, first, [ghost]))).message).toBe(
      `hf:test/model@${first} has no file ghost.bin.`,
    );
    await hub.close();
    expect((await failure(bring('test/model'))).message).toContain('ECONNREFUSED');
  });

  it('is refused where a listing names files outside the folder or continues elsewhere', async () => {
    for (const name of ['../../escape', '/etc/passwd', 'a/../../b', 'c:\\x']) {
      repo.commits[commitId(9)] = { [name]: small };
      repo.revisions.evil = commitId(9);
      expect((await failure(bring('test/model@evil'))).problem).toBe('unreachable');
    }
    fault(
      ({ url }) => url.includes('/tree/'),
      1,
      (_seen, response) => {
        return !!response.writeHead(200, { link: '<http://example.invalid/x>; rel="next"' }).end('[]');
      },
    );
    expect((await failure(bring('test/model'))).message).toContain('another host');
  });

  it('is a reference that is not one', () => {
    for (const text of ['', 'a', 'a/b@', 'a/b@../x', 'a/b/../c', '../b', 'datasets/a', 'a/b@x y', 'a/b/c\\d']) {
      expect(() => parseReference(text), text).toThrow(HubError);
    }
    expect(parseReference('a/b')).toEqual({ repo: { type: 'model', id: 'a/b' }, revision: 'main', path: '' });
    expect(parseReference('datasets/a/b@v1/c/d.x')).toEqual({
      repo: { type: 'dataset', id: 'a/b' },
      revision: 'v1',
      path: 'c/d.x',
    });
  });
});

it('lists revisions with their numbers in order', async () => {
  const found = await listRevisions(settings(), parseReference('test/model').repo);
  expect(found.map(({ name, kind }) => `${kind} ${name}`)).toEqual([
    'branch main',
    'branch step1-tokens1B',
    'branch step2-tokens2B',
    'branch step10-tokens9B',
    'tag v1',
  ]);
});
