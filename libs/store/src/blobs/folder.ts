import { constants, statSync } from 'node:fs';
import { chmod, copyFile, lstat, rename, rm, stat } from 'node:fs/promises';
import { codeOf } from '@sonde/base';
import type { Context } from '../context.ts';
import { type BlobInfo, type Digest, digestFile, digestOf } from '../disk/digest.ts';
import { BlobDamaged, StoreError } from '../disk/errors.ts';
import { publish, syncFile, tolerate, writeFlushed } from '../disk/files.ts';
import { markUsed } from '../disk/use.ts';
import { type FileState, quarantine, sameState } from '../quarantine.ts';
import { receive } from './incoming.ts';
import { readHashed } from './read-hashed.ts';
import type { LocalBlobs } from './types.ts';

/** The blobs of one opened store, and what it has learnt of them. */
export interface BlobFolder extends LocalBlobs {
  /** Whether a file, found in this state, is the very content of a blob that this process has verified. */
  isVerified(digest: Digest, state: FileState): boolean;
  /** Reads the content again before it is trusted again. */
  forget(digest: Digest): void;
}

const NOT_ITS_OWN = 'its content is not what its digest says';

export function createBlobs(context: Context): BlobFolder {
  const { layout } = context;
  const verified = new Map<Digest, FileState>();
  const verifying = new Map<Digest, Promise<string>>();

  async function setAside(digest: Digest, problem: string, found: FileState): Promise<void> {
    await quarantine(context, layout.blob(digest), { what: 'blob', name: digest, problem }, found);
  }

  /**
   * True when the blob is there already, is sound, and will not be collected before a record can name it. It is read,
   * so that to store content once more heals a damaged blob.
   */
  async function isKept({ digest, size }: BlobInfo): Promise<boolean> {
    const path = layout.blob(digest);
    const found = await tolerate(['ENOENT'], lstat(path));
    if (found === undefined) return false;
    if (!found.isFile() || found.size !== size) {
      await setAside(digest, `it has ${found.size} bytes instead of ${size}`, found);
      return false;
    }
    const known = verified.get(digest);
    if (known === undefined || !sameState(known, found)) {
      if ((await tolerate(['ENOENT'], digestFile(path)))?.digest !== digest) {
        await setAside(digest, NOT_ITS_OWN, found);
        return false;
      }
    }
    return markUsed(path, found);
  }

  async function place(temporary: string, digest: Digest): Promise<void> {
    await chmod(temporary, 0o444);
    await syncFile(temporary);
    await publish(temporary, layout.blob(digest));
  }

  async function putMoved(path: string): Promise<BlobInfo | undefined> {
    const temporary = (await context.holder()).temporary();
    try {
      await rename(path, temporary);
    } catch (error) {
      if (codeOf(error) === 'EXDEV') return undefined;
      throw error;
    }
    try {
      const info = await digestFile(temporary);
      if (await isKept(info)) await rm(temporary, { force: true });
      else await place(temporary, info.digest);
      return info;
    } catch (error) {
      await rename(temporary, path).catch(() => undefined);
      throw error;
    }
  }

  async function putCopy(path: string): Promise<BlobInfo> {
    const temporary = (await context.holder()).temporary();
    const before = await digestFile(path);
    if (await isKept(before)) return before;
    try {
      await copyFile(path, temporary, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
      // The copy counts: the source may have changed since it was first read.
      const info = await digestFile(temporary);
      await place(temporary, info.digest);
      return info;
    } finally {
      await rm(temporary, { force: true });
    }
  }

  async function check(digest: Digest): Promise<string> {
    const path = layout.blob(digest);
    const before = await tolerate(['ENOENT'], stat(path));
    if (before === undefined) throw new BlobDamaged(digest, 'missing', path);
    const known = verified.get(digest);
    if (known === undefined || !sameState(known, before)) {
      const found = before.isFile() ? await tolerate(['ENOENT'], digestFile(path)) : undefined;
      if (found?.digest !== digest) {
        await setAside(digest, NOT_ITS_OWN, before);
        throw new BlobDamaged(digest, 'damaged', path);
      }
    }
    if (!context.readOnly) await markUsed(path, before);
    const after = await tolerate(['ENOENT'], stat(path));
    if (after === undefined) throw new BlobDamaged(digest, 'missing', path);
    // Marking changes the mtime; another file (inode) in its place has to be checked anew.
    if (after.ino === before.ino && after.size === before.size) verified.set(digest, after);
    return path;
  }

  return {
    path: layout.blob,
    forget: (digest) => verified.delete(digest),

    async presence(digest, size) {
      // Synchronous on purpose: a stat so takes 5 µs, through the thread pool 100, and a plan makes one for each output.
      const found = statSync(layout.blob(digest), { throwIfNoEntry: false });
      if (found === undefined) return 'missing';
      return found.isFile() && (size === undefined || found.size === size) ? 'here' : 'damaged';
    },

    async putFile(path, options = {}) {
      const source = await lstat(path);
      if (!(source.isSymbolicLink() ? await stat(path) : source).isFile())
        throw new StoreError('io', `${path} is not a file.`, { path });
      // A link would stay one, and a file with a second name could still be written to by that name.
      const isOnly = source.isFile() && source.nlink === 1;
      const moved = options.move === true && isOnly ? await putMoved(path) : undefined;
      if (moved !== undefined) return moved;
      const info = await putCopy(path);
      if (options.move) await rm(path, { force: true });
      return info;
    },

    async putText(text) {
      const temporary = (await context.holder()).temporary();
      const info = { digest: digestOf(text), size: Buffer.byteLength(text) };
      if (await isKept(info)) return info;
      try {
        await writeFlushed(temporary, text);
        await place(temporary, info.digest);
      } finally {
        await rm(temporary, { force: true });
      }
      return info;
    },

    receive(digest, options) {
      const isHere = async () => {
        const found = await tolerate(['ENOENT'], lstat(layout.blob(digest)));
        return found !== undefined && isKept({ digest, size: found.size });
      };
      return receive(context, digest, isHere, options);
    },

    open(digest) {
      const running = verifying.get(digest) ?? check(digest).finally(() => verifying.delete(digest));
      verifying.set(digest, running);
      return running;
    },

    async *read(blob) {
      const path = layout.blob(blob.digest);
      const found = await tolerate(['ENOENT'], stat(path));
      if (found === undefined) throw new BlobDamaged(blob.digest, 'missing', path);
      if (yield* readHashed(path, blob)) return;
      await setAside(blob.digest, NOT_ITS_OWN, found);
      throw new BlobDamaged(blob.digest, 'damaged', path);
    },

    isVerified(digest, state) {
      const known = verified.get(digest);
      return known !== undefined && sameState(known, state);
    },
  };
}
