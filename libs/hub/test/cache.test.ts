import { lstat, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { blobPath, isHere, placeFile, snapshotFolder } from '../src/cache.ts';
import { hubSettings } from '../src/index.ts';

vi.mock('node:fs/promises', async (original) => ({
  ...(await original<typeof import('node:fs/promises')>()),
  // A file system, or a system, on which links are refused.
  symlink: () => Promise.reject(Object.assign(new Error('not permitted'), { code: 'EPERM' })),
}));

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'sonde-hub-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it('copies a file into the snapshot where links are refused', async () => {
  const settings = hubSettings({ HF_HOME: folder });
  const repo = { type: 'model', id: 'a/b' } as const;
  const file = { path: 'c/d.json', size: 4, blob: '0'.repeat(40) };
  const commit = '1'.repeat(40);
  const blob = blobPath(settings, repo, file);
  await mkdir(path.dirname(blob), { recursive: true });
  await writeFile(blob, 'text');
  await placeFile(settings, repo, commit, file);
  const place = path.join(snapshotFolder(settings, repo, commit), file.path);
  expect((await lstat(place)).isFile()).toBe(true);
  expect(await readFile(place, 'utf8')).toBe('text');
  expect(await readdir(path.dirname(place))).toEqual(['d.json']);
  expect(await isHere(settings, repo, commit, file)).toBe(true);
});

it('finds cache, token and hub where Hugging Face’s tools look for them', async () => {
  expect(hubSettings({ HF_HOME: '/h' })).toMatchObject({ cache: '/h/hub', endpoint: 'https://huggingface.co' });
  expect(hubSettings({ HF_HUB_CACHE: '/c', HF_HOME: '/h' }).cache).toBe('/c');
  expect(hubSettings({ XDG_CACHE_HOME: '/x' }).cache).toBe('/x/huggingface/hub');
  expect(hubSettings({ HF_ENDPOINT: 'https://mirror.example/hf/' }).endpoint).toBe('https://mirror.example/hf');
  expect(() => hubSettings({ HF_ENDPOINT: 'mirror' })).toThrow('HF_ENDPOINT');
  for (const value of ['1', 'ON', 'yes', 'True']) expect(hubSettings({ HF_HUB_OFFLINE: value }).offline).toBe(true);
  for (const value of ['0', '', 'no']) expect(hubSettings({ HF_HUB_OFFLINE: value }).offline).toBe(false);
  await writeFile(path.join(folder, 'token'), 'from-file\n');
  expect(hubSettings({ HF_HOME: folder }).token()).toBe('from-file');
  expect(hubSettings({ HF_HOME: folder, HF_TOKEN: 'given' }).token()).toBe('given');
  expect(hubSettings({ HF_HOME: path.join(folder, 'none') }).token()).toBeUndefined();
});
