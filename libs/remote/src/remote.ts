import { UserError } from '@sonde/base';
import type { BlobInfo, Digest, Incoming, Key, LocalBlobs } from '@sonde/store';

/** Where content that arrives may be put, so that it is not copied. */
export type Room = Incoming['room'];

/** A store in another place. Every call may throw `RemoteFailure`. */
export interface Remote {
  /** For messages: host or folder; without secrets. */
  readonly name: string;
  /** It is on another machine: `--offline` does without it. */
  readonly overNetwork: boolean;
  /** Results of this machine are given to it. */
  readonly writes: boolean;
  /** The entry of a key, of at most `limit` bytes; undefined where there is none. */
  entry(key: Key, limit: number): Promise<Uint8Array | undefined>;
  putEntry(key: Key, bytes: Uint8Array): Promise<void>;
  /** Whether it has content: of this size, where that is known here and can be told there. */
  hasContent(digest: Digest, size?: number): Promise<boolean>;
  /**
   * Content from a byte on; undefined where it is not there. `from` of the answer may be 0 whatever was asked for. Its
   * parts may lie in `room`, if each is appended there before the next is asked for.
   */
  content(digest: Digest, from: number, signal?: AbortSignal, room?: Room): Promise<RemoteContent | undefined>;
  /**
   * Stores content of these blobs, whole or not at all.
   *
   * @throws BlobDamaged where they have not got it
   */
  putContent(blob: BlobInfo, blobs: LocalBlobs, signal?: AbortSignal): Promise<void>;
}

export interface RemoteContent {
  readonly from: number;
  readonly parts: AsyncIterable<Uint8Array>;
}

/**
 * `unreachable`: no answer, or none of use, after all attempts; `refused`: it does not let us, and will not later;
 * `wrong`: what it gives is not what it should be.
 */
export type RemoteProblem = 'unreachable' | 'refused' | 'wrong';

/** A remote store failed. For a run it is a warning; who asked for that very transfer sees it as an error. */
export class RemoteFailure extends UserError {
  override readonly name = 'RemoteFailure';
  readonly problem: RemoteProblem;
  constructor(problem: RemoteProblem, message: string, hint?: string) {
    super('data', message, hint);
    this.problem = problem;
  }
}
