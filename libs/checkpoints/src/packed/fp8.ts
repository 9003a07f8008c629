import { FLOAT8 } from './floats8.ts';
import { applyScales, gridOf } from './grid.ts';
import {
  addWeight,
  bytesOf,
  FLOATS,
  type Found,
  floatsOf,
  nothingFound,
  partOf,
  refuseSetting,
  type Source,
} from './parts.ts';
import type { ReadRows } from './types.ts';

/** What a scale is called: DeepSeek's name, and that of other programs. Both are multiplied with. */
const SCALES = ['weight_scale_inv', 'weight_scale'];
/** Scales of inputs, which stay in float32 here. */
const OF_INPUTS = ['input_scale', 'activation_scale'];

/** Weights in 8-bit floats beside scales: of blocks (`weight_block_size`), rows, or the whole. */
export function findFp8(source: Source): Found {
  const found = nothingFound();
  const block = blockSize(source);
  for (const [name, weight] of source.weights) {
    const values = FLOAT8[weight.info.dtype];
    if (!values || !name.endsWith('.weight')) continue;
    const base = name.slice(0, -'.weight'.length);
    const shape = partOf(source, name, ['F8_E4M3', 'F8_E5M2'], 2).info.shape as readonly [number, number];
    const scaleName = SCALES.map((suffix) => `${base}.${suffix}`).find((known) => source.weights.has(known));
    const scales = partOf(source, scaleName ?? `${base}.${SCALES[0]}`, FLOATS);
    const grid = gridOf(scales, scaleName!, shape, block);
    const open = async (): Promise<ReadRows> => {
      const [bytes, factors] = [await bytesOf(weight), await floatsOf(scales)];
      const [, columns] = shape;
      return (from, to) => {
        const out = new Float32Array((to - from) * columns);
        for (let i = 0; i < out.length; i++) out[i] = values[bytes[from * columns + i]!]!;
        applyScales(out, from, columns, grid, factors, null);
        return out;
      };
    };
    const ofInputs = OF_INPUTS.map((suffix) => `${base}.${suffix}`);
    const format = weight.info.dtype === 'F8_E4M3' ? 'fp8 e4m3' : 'fp8 e5m2';
    addWeight(found, name, weight, shape, { format, open }, [name, scaleName!, ...ofInputs]);
  }
  return found;
}

function blockSize(source: Source): readonly [number, number] | null {
  const size = source.settings.weight_block_size ?? null;
  if (size === null) return null;
  const isPair = Array.isArray(size) && size.length === 2 && size.every((n) => Number.isSafeInteger(n) && n > 0);
  return isPair ? [size[0], size[1]] : refuseSetting(source, 'weight_block_size', 'two positive integers');
}
