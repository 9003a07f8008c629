import { mkdir, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Context } from './context.ts';
import { StoreError } from './disk/errors.ts';

/** Folders for work in progress, on the store's own file system. */
export interface Scratch {
  make(): Promise<string>;
  remove(path: string): Promise<void>;
}

export function createScratch(context: Context): Scratch {
  const open = new Map<string, () => void>();
  return {
    async make() {
      const holder = await context.holder();
      const path = holder.temporary();
      await mkdir(path);
      open.set(path, holder.begin());
      return path;
    },
    async remove(path) {
      const { dir, tmp } = context.layout;
      if (dirname(dirname(path)) !== tmp) {
        throw new StoreError('io', `${path} is no scratch folder of the store ${dir}.`, { path });
      }
      await rm(path, { recursive: true, force: true });
      open.get(path)?.();
      open.delete(path);
    },
  };
}
