import { TRIES } from '@sonde/networks';
import type { Tensor as OrtTensor } from 'onnxruntime-node';
import type { HeadRequest } from '../engine.ts';

/** The class of tensors, given by whoever has loaded the runtime. */
type TensorClass = typeof OrtTensor;

/** What `addDraw` reads. */
export function drawFeeds(Tensor: TensorClass, head: HeadRequest, vocabSize: number): Record<string, OrtTensor> {
  const count = head.rows.length;
  const seen = head.penalty === 1 ? undefined : head.seen;
  const uniforms = head.uniforms ?? new Float32Array(count * TRIES);
  const limited = head.topK > 0 && head.topK < vocabSize;
  const scalar = (value: number): OrtTensor => new Tensor('float32', Float32Array.of(value), []);
  const bool = (value: boolean): OrtTensor => new Tensor('bool', Uint8Array.of(value ? 1 : 0), []);
  return {
    sample: bool(head.sample),
    adjust: bool(head.temperature !== 1 || limited || head.penalty !== 1),
    temperature: scalar(head.temperature),
    top_k: new Tensor('int64', BigInt64Array.of(BigInt(limited ? head.topK : vocabSize)), [1]),
    // Rounding must not refuse a draw where nothing is to be cut off.
    top_p: scalar(head.topP === 1 ? 2 : head.topP),
    repetition_penalty: scalar(head.penalty),
    seen: new Tensor('int64', seen?.data ?? new BigInt64Array(count), [count, seen?.width ?? 1]),
    uniforms: new Tensor('float32', uniforms, [count, uniforms.length / Math.max(1, count) || TRIES]),
    forced: new Tensor('int32', head.forced ?? new Int32Array(count).fill(-1), [count]),
  };
}
