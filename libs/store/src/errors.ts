import { relative } from 'node:path';
import type { Digest } from './types.ts';

export type StoreErrorCode = 'no-space' | 'permission' | 'corrupt' | 'version' | 'io';

/** What went wrong with the store, for a person: `message` says what and where, `hint` what to do. */
export class StoreError extends Error {
  readonly code: StoreErrorCode;
  readonly hint: string | undefined;
  readonly path: string | undefined;
  constructor(
    code: StoreErrorCode,
    message: string,
    detail: { hint?: string | undefined; path?: string | undefined; cause?: unknown } = {},
  ) {
    super(message, { cause: detail.cause });
    this.name = 'StoreError';
    this.code = code;
    this.hint = detail.hint;
    this.path = detail.path;
  }
}

/** Content that a record promises is missing, or is not what its digest says. To compute it again is the remedy. */
export class BlobDamaged extends StoreError {
  readonly digest: Digest;
  readonly reason: 'missing' | 'damaged';
  constructor(digest: Digest, reason: 'missing' | 'damaged', path: string) {
    super(
      'corrupt',
      reason === 'missing'
        ? `The store has no content for ${digest}: ${path} is not there.`
        : `The content of ${path} is not what its digest says.`,
      { hint: 'Run again: what is missing is computed anew. `sonde store verify` checks everything else.', path },
    );
    this.name = 'BlobDamaged';
    this.digest = digest;
    this.reason = reason;
  }
}

/** The system's code of a failed call: `ENOENT`. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

const MEANING: Readonly<Record<string, readonly [StoreErrorCode, string]>> = {
  ENOSPC: ['no-space', 'there is no space left'],
  EDQUOT: ['no-space', 'the disk quota is used up'],
  EFBIG: ['no-space', 'the file system does not take a file of this size'],
  EACCES: ['permission', 'permission is denied'],
  EPERM: ['permission', 'the operation is not permitted'],
  EROFS: ['permission', 'the file system is read-only'],
  ENOENT: ['io', 'there is no such file or folder'],
  ENOTDIR: ['io', 'a part of the path is a file, not a folder'],
  EISDIR: ['io', 'it is a folder, not a file'],
  ENAMETOOLONG: ['io', 'the name is too long for this file system'],
  EMFILE: ['io', 'too many files are open'],
  EIO: ['io', 'the disk or the network file system failed'],
  ESTALE: ['io', 'the network file system has lost the file'],
};

/**
 * A failed system call as a StoreError that says what, where, and what to do. Other errors pass unchanged. `dir` is the
 * store's folder; what failed may lie outside of it, where something is exported.
 */
export function asStoreError(error: unknown, dir: string): unknown {
  if (error instanceof StoreError || !(error instanceof Error)) return error;
  const systemCode = codeOf(error);
  if (systemCode === undefined || !('syscall' in error)) return error;
  const [code, meaning] = MEANING[systemCode] ?? (['io', `the system said ${systemCode}`] as const);
  const named = 'dest' in error ? error.dest : 'path' in error ? error.path : undefined;
  const path = typeof named === 'string' ? named : dir;
  const outside = relative(dir, path).startsWith('..');
  const hint = {
    'no-space': outside
      ? `Free space on the disk of ${path}, or name another place.`
      : `Free space on the disk of ${dir}, remove unused results with \`sonde store gc\`, or name another store.`,
    permission: outside
      ? `Give yourself the right to use ${path}, or name another place.`
      : `Give yourself the right to write in ${dir}, or name another store.`,
    io: 'See whether the path is right and its disk is well, then run again: what is complete is kept.',
    corrupt: undefined,
    version: undefined,
  }[code];
  return new StoreError(code, `${actionOf(error)} ${path} failed: ${meaning}.`, { hint, path, cause: error });
}

function actionOf(error: Error): string {
  const call = 'syscall' in error ? error.syscall : undefined;
  if (call === 'write' || call === 'fsync' || call === 'rename' || call === 'mkdir') return 'Writing';
  if (call === 'read' || call === 'scandir' || call === 'stat' || call === 'lstat') return 'Reading';
  if (call === 'copyfile') return 'Copying to';
  return 'Opening';
}
