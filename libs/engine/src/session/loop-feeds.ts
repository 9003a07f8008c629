import { type DecoderSizes, type Features, loopMasks } from '@sonde/networks';
import type { Tensor as OrtTensor } from 'onnxruntime-node';
import type { LoopRequest } from '../engine.ts';
import { shapeFeeds } from './shape-feeds.ts';

const IDLE = { samples: 0, promptLengths: [], steps: 0, draws: 0, eos: [], pools: [] };

/**
 * What the loop behind a graph reads. Without a request it is fed nothing, and does no step.
 * @param width the pooled numbers of a token
 */
export function loopFeeds(
  Tensor: typeof OrtTensor,
  sizes: DecoderSizes,
  features: Features,
  width: number,
  request: LoopRequest | null,
): Record<string, OrtTensor> {
  const { heads, keyValueHeads: H, headSize: D } = sizes;
  const { samples: K, promptLengths, steps, draws, eos, pools } = request ?? IDLE;
  const [B, P, Q, G] = [promptLengths.length, request?.prefill.tokens ?? 0, pools.length, heads / H];
  const rows = B * K;
  const f32 = (data: Float32Array, dims: readonly number[]): OrtTensor => new Tensor('float32', data, dims);
  const i64 = (values: readonly number[], dims: readonly number[] = [values.length]): OrtTensor =>
    new Tensor('int64', BigInt64Array.from(values, BigInt), dims);
  const masks = loopMasks(sizes, promptLengths, P, steps);
  const maskDims = [steps, B, 1, 1, 1, P + 1 + steps];
  const uniforms = request?.uniforms ?? new Float32Array(steps * rows);
  const feeds: Record<string, OrtTensor> = {
    steps: i64([steps], []),
    draws: i64([draws], []),
    read_last: new Tensor('bool', Uint8Array.of(pools.length > 0 || request?.maximum ? 1 : 0), []),
    start: i64(
      promptLengths.flatMap((length) => new Array<number>(K).fill(length)),
      [rows, 1],
    ),
    prompt_length: i64([P]),
    prompt_cache: i64([B, H, P, D]),
    past: f32(new Float32Array(rows * H * D), [B, H, K, 1, D]),
    attention_mask: f32(masks.full, maskDims),
    uniforms: f32(uniforms, [steps, rows, uniforms.length / Math.max(1, steps * rows)]),
    eos: new Tensor('int32', Int32Array.from(eos.length > 0 ? eos : [-1]), [1, Math.max(1, eos.length)]),
    reading: f32(new Float32Array(rows).fill(1), [rows]),
    first: f32(new Float32Array(rows).fill(1, 0, 1), [rows]),
    seen: request?.seen
      ? new Tensor('int64', request.seen.data, [rows, request.seen.width])
      : new Tensor('int64', new BigInt64Array(0), [rows, 0]),
    pools: f32(new Float32Array(Q).fill(1), [1, Q, 1]),
    newest: f32(
      Float32Array.from(pools, (pool) => (pool === 'last' ? 1 : 0)),
      [1, Q, 1],
    ),
    pool_in: f32(new Float32Array(rows * Q * width), [rows, Q, width]),
    ...shapeFeeds(Tensor, { B, K, T: 1, H, G, D, P }),
  };
  if (masks.sliding) feeds.sliding_mask = f32(masks.sliding, maskDims);
  if (features.maximum) {
    feeds.maximum_in = f32(new Float32Array(rows * width).fill(Number.NEGATIVE_INFINITY), [rows, width]);
  }
  return Object.fromEntries(Object.entries(feeds).map(([name, tensor]) => [`loop.${name}`, tensor]));
}
