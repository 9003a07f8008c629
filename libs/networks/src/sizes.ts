/** The sizes of a trunk that others need to know. */
export interface TrunkSizes {
  readonly layers: number;
  readonly hiddenSize: number;
  readonly vocabSize: number;
  readonly maxPositions: number;
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly headSize: number;
  /** The size of a head's queries and keys, and of its place in caches, where it is larger than `headSize`. */
  readonly cachedSize?: number;
  /**
   * In layers with a sliding window, the tokens that a token sees are less than so many positions away; null where no
   * layer has one.
   */
  readonly window: number | null;
  /** Where blocks have experts: how many, and which blocks; not given where none has. */
  readonly experts?: { readonly count: number; readonly blocks: readonly number[] };
}

/** Numbers that a cache keeps of a token's key, or value, in one head. */
export function cachedSize({ headSize, cachedSize: own }: Pick<TrunkSizes, 'headSize' | 'cachedSize'>): number {
  return own ?? headSize;
}
