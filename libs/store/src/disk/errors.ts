import { accessSync, constants } from 'node:fs';
import { relative } from 'node:path';
import { codeOf, type Fault, systemFailure, UserError } from '@sonde/base';
import type { Digest } from './digest.ts';

export type StoreErrorCode = Extract<
  Fault,
  'no-space' | 'permission' | 'too-many-files' | 'corrupt' | 'version' | 'io'
>;

/** What went wrong with the store, for a person: `message` says what and where, `hint` what to do. */
export class StoreError extends UserError {
  override readonly name: string = 'StoreError';
  declare readonly code: StoreErrorCode;
  readonly path: string | undefined;
  constructor(
    code: StoreErrorCode,
    message: string,
    detail: { hint?: string | undefined; path?: string | undefined; cause?: unknown } = {},
  ) {
    super(code, message, detail.hint, { cause: detail.cause });
    this.path = detail.path;
  }
}

/** Content that a record promises is missing, or is not what its digest says. To compute it again is the remedy. */
export class BlobDamaged extends StoreError {
  override readonly name = 'BlobDamaged';
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
    this.digest = digest;
    this.reason = reason;
  }
}

/**
 * A failed system call as a StoreError that says what, where, and what to do. Other errors pass unchanged. `dir` is the
 * store's folder; what failed may lie outside of it, where something is exported.
 */
export function asStoreError(error: unknown, dir: string): unknown {
  if (error instanceof StoreError) return error;
  const failed = systemFailure(error);
  if (failed === undefined || !(error instanceof Error && 'syscall' in error)) return error;
  const { meaning, action, path = dir } = failed;
  const code = failed.kind === 'path' ? 'io' : failed.kind;
  const outside = relative(dir, path).startsWith('..');
  const hint = {
    'no-space': outside
      ? `Free space on the disk of ${path}, or name another place.`
      : `Free space on the disk of ${dir}, remove unused results with \`sonde store gc\`, or name another store.`,
    permission: outside
      ? `Give yourself the right to use ${path}, or name another place.`
      : action === 'Reading' || (action === 'Opening' && !isReadable(path))
        ? `Give yourself the right to read ${path}, or name another store.`
        : `Give yourself the right to write in ${dir}, or name another store.`,
    'too-many-files': 'Close other programs, use fewer `--jobs`, or raise the limit (`ulimit -n`).',
    io: 'See whether the path is right and its disk is well, then run again: what is complete is kept.',
  }[code];
  return new StoreError(code, `${action} ${path} failed: ${meaning}.`, { hint, path, cause: error });
}

/** A call that opens does not tell for what: what cannot be read now could not be read then. */
function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch (error) {
    return codeOf(error) !== 'EACCES';
  }
}
