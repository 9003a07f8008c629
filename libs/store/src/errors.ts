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
        : `The content of ${path} is not what its digest says; it was set aside.`,
      { hint: 'Run again: what is missing is computed anew. `sonde store verify` checks everything else.', path },
    );
    this.name = 'BlobDamaged';
    this.digest = digest;
    this.reason = reason;
  }
}
