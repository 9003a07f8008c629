import { type Cache, cacheSizes, type Mask, type TrunkSizes } from '@sonde/networks';
import type { RunRequest } from '../engine.ts';

/** Puts a hidden key before those of the prompt's cache, or of the sequence's own, in each row of a mask. */
function widen(mask: Mask, width: number, at: readonly number[]): Mask {
  const hide = (data: Float32Array): Float32Array => {
    const rows = data.length / width;
    const out = new Float32Array(rows * (width + at.length));
    for (let row = 0, write = 0; row < rows; row++) {
      for (let key = 0; key <= width; key++) {
        for (const place of at) if (place === key) out[write++] = Number.NEGATIVE_INFINITY;
        if (key < width) out[write++] = data[row * width + key]!;
      }
    }
    return out;
  };
  return { ...mask, full: hide(mask.full), sliding: mask.sliding && hide(mask.sliding) };
}

/**
 * The same run with one hidden slot in each cache that is empty, for providers other than the CPU: WebGPU's crashes in
 * a product over nothing. A slot that no token may look at has the weight 0 and changes no result.
 */
export function withHiddenSlots(request: RunRequest, sizes: TrunkSizes): RunRequest {
  const { prompts, samples, tokens, promptCache, rowCache } = request;
  const [P, S] = [promptCache?.length ?? 0, rowCache?.length ?? 0];
  const slot = (rows: number): Cache => {
    const zeros = (): Float32Array[] =>
      cacheSizes(sizes).map(({ heads, size }) => new Float32Array(rows * heads * size));
    return { length: 1, keys: zeros(), values: zeros() };
  };
  const at = [...(P === 0 ? [0] : []), ...(S === 0 ? [P] : [])];
  if (at.length === 0) return request;
  return {
    ...request,
    ...(P === 0 ? { promptCache: slot(prompts) } : {}),
    ...(S === 0 ? { rowCache: slot(prompts * samples) } : {}),
    mask: widen(request.mask, P + S + tokens, at),
  };
}
