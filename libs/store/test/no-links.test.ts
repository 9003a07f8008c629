import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { treeDigest } from '../src/artifacts/trees.ts';
import { digestOf } from '../src/index.ts';
import { newStore, temporaryFolder } from './helpers.ts';

// A file system that knows no hard links, as FAT or some network shares.
vi.mock('node:fs/promises', async (original) => ({
  ...(await original<typeof import('node:fs/promises')>()),
  link: () => Promise.reject(Object.assign(new Error('link'), { code: 'EPERM', syscall: 'link' })),
}));

it('without hard links trees are made of copies, and everything else is as ever', async () => {
  const store = await newStore();
  const folder = await temporaryFolder();
  await mkdir(join(folder, 'sub'));
  await writeFile(join(folder, 'sub', 'a'), 'text');
  const tree = await store.artifacts.put('model', folder);
  expect(tree.digest).toBe(treeDigest({ 'sub/a': { digest: digestOf('text'), size: 4 } }));
  const path = join(await store.artifacts.open(tree), 'sub', 'a');
  expect(await readFile(path, 'utf8')).toBe('text');
  expect((await stat(path)).nlink).toBe(1);
  expect(await store.artifacts.open(tree)).toBe(join(path, '..', '..'));
  await (await store.leases.acquire(digestOf('key'), { holder: 'me' })).release();
  expect((await store.care.verify()).ok).toBe(true);
});
