import type { JsonObject, JsonValue } from '@sonde/base';

/** The SHA-256 of a content that something was made of: 64 hex digits. */
export type ContentHex = string;

export interface WorkOptions {
  /** Who asks, for the people who wait. */
  readonly holder: string;
  /** Make everything anew, whatever is kept (`--refresh`); what is made replaces it. */
  readonly refresh?: boolean;
  readonly signal?: AbortSignal;
  /** How many of the wanted values are known, told as this changes, and while it waits for others. */
  readonly onKnown?: (known: number) => void;
  /** Told once, when nothing is left but what others are making. */
  readonly onWait?: (count: number) => void;
}

/** Makes the values of contents, batch by batch: each batch is kept before the next is asked for. */
export type MakeValues = (
  missing: readonly ContentHex[],
) => AsyncIterable<readonly (readonly [content: ContentHex, value: JsonValue])[]>;

/** What one maker (a scorer) made of contents (texts). */
export interface Memo {
  /** The values that are kept of contents; nothing is made. */
  kept(wanted: readonly ContentHex[], signal?: AbortSignal): Promise<Map<ContentHex, JsonValue>>;
  /**
   * The values of contents: those that are kept, and those that `make` makes of the others, which it is given in the
   * order of `wanted`. What another process is making is waited for, so that each value is made once; a process that
   * dies loses no more than the batch that it was at.
   */
  workOut(wanted: readonly ContentHex[], make: MakeValues, options: WorkOptions): Promise<Map<ContentHex, JsonValue>>;
}

export interface Memos {
  /** `maker`: all that its values depend on beside the content. */
  of(maker: JsonObject): Memo;
  /** Whether values by such makers were written since that time (milliseconds since 1970), it included. */
  writtenSince(time: number, isMaker: (maker: JsonObject) => boolean): Promise<boolean>;
}
