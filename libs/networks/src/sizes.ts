/** The sizes of a trunk that others need to know. */
export interface TrunkSizes {
  readonly layers: number;
  readonly hiddenSize: number;
  readonly vocabSize: number;
  readonly maxPositions: number;
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly headSize: number;
  /**
   * In layers with a sliding window, the tokens that a token sees are less than so many positions away; null where no
   * layer has one.
   */
  readonly window: number | null;
}
