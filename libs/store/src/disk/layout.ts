import { join } from 'node:path';
import { type Digest, hexOf } from './digest.ts';

export const LAYOUT = 1;

/** All that lies in a store's folder. */
export const NAMES: readonly string[] = [
  'store.json',
  'pins.json',
  'blobs',
  'results',
  'trees',
  'copies',
  'memos',
  'leases',
  'work',
  'runs',
  'tmp',
  'incoming',
  'quarantine',
  'index',
];

export interface Layout {
  readonly dir: string;
  readonly marker: string;
  readonly blobs: string;
  readonly results: string;
  readonly trees: string;
  /** Folders from elsewhere, copied to this disk. */
  readonly copies: string;
  readonly memos: string;
  readonly leases: string;
  readonly holders: string;
  /** Work that other processes are to do: orders by shape, what goes on, how it ended. */
  readonly work: string;
  readonly orders: string;
  readonly live: string;
  readonly ends: string;
  readonly runs: string;
  readonly tmp: string;
  /** Content that is on its way here. */
  readonly incoming: string;
  readonly quarantine: string;
  /** Why things are in quarantine, by what they were. */
  readonly notes: string;
  readonly index: string;
  readonly pins: string;
  blob(digest: Digest): string;
  result(key: Digest): string;
  tree(digest: Digest): string;
  copy(digest: Digest): string;
  memo(maker: Digest): string;
  lease(key: Digest): string;
  arriving(digest: Digest): string;
  holder(id: string): string;
  note(what: string, name: Digest): string;
}

/** Where everything of a store lies: `docs/reference/store.md` is the page on it. */
export function layoutOf(dir: string): Layout {
  const sharded = (folder: string, digest: Digest, suffix: string) => {
    const hex = hexOf(digest);
    return join(dir, folder, hex.slice(0, 2), hex + suffix);
  };
  return {
    dir,
    marker: join(dir, 'store.json'),
    blobs: join(dir, 'blobs'),
    results: join(dir, 'results'),
    trees: join(dir, 'trees'),
    copies: join(dir, 'copies'),
    memos: join(dir, 'memos'),
    leases: join(dir, 'leases'),
    holders: join(dir, 'leases', 'holders'),
    work: join(dir, 'work'),
    orders: join(dir, 'work', 'orders'),
    live: join(dir, 'work', 'live'),
    ends: join(dir, 'work', 'ends'),
    runs: join(dir, 'runs'),
    tmp: join(dir, 'tmp'),
    incoming: join(dir, 'incoming'),
    quarantine: join(dir, 'quarantine'),
    notes: join(dir, 'quarantine', 'why'),
    index: join(dir, 'index'),
    pins: join(dir, 'pins.json'),
    blob: (digest) => sharded('blobs', digest, ''),
    result: (key) => sharded('results', key, '.json'),
    tree: (digest) => join(dir, 'trees', hexOf(digest)),
    copy: (digest) => join(dir, 'copies', hexOf(digest)),
    memo: (maker) => join(dir, 'memos', hexOf(maker)),
    arriving: (digest) => join(dir, 'incoming', hexOf(digest)),
    lease: (key) => join(dir, 'leases', hexOf(key)),
    holder: (id) => join(dir, 'leases', 'holders', `${id}.json`),
    note: (what, name) => join(dir, 'quarantine', 'why', `${what}-${hexOf(name)}.json`),
  };
}
