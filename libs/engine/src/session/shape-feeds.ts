import type { Tensor as OrtTensor } from 'onnxruntime-node';

/** B prompts, K sequences of each, T new tokens, H key–value heads with G query heads each, D numbers, P cached. */
export interface RunShape {
  readonly B: number;
  readonly K: number;
  readonly T: number;
  readonly H: number;
  readonly G: number;
  readonly D: number;
  readonly P: number;
}

/** What `shapeInputs` declares. */
export function shapeFeeds(Tensor: typeof OrtTensor, { B, K, T, H, G, D, P }: RunShape): Record<string, OrtTensor> {
  const i64 = (...values: readonly number[]): OrtTensor =>
    new Tensor('int64', BigInt64Array.from(values, BigInt), [values.length]);
  return {
    row_shape: i64(B * K, T, -1),
    split_query: i64(B, K, T, H, G, D),
    split_key: i64(B, K, T, H, D),
    query_for_prompt: i64(B, H, K * G * T, D),
    query_for_row: i64(B, H, K, G * T, D),
    prompt_scores: i64(B, H, K, G * T, P),
    prompt_weights: i64(B, H, K * G * T, P),
    split_attended: i64(B, H, K, G, T, D),
  };
}
