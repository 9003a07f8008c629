import { philox4x32 } from '@sonde/numerics';

const words = new Uint32Array(4);

/**
 * Writes uniform numbers in [0, 1), multiples of 2⁻²⁴, for one draw. They depend on the key, the sample, the position
 * of the token in its continuation and the round (0, or more if one round of numbers did not decide the draw).
 * @param count a multiple of 4
 */
export function fillUniforms(
  out: Float32Array,
  offset: number,
  count: number,
  key: readonly [number, number],
  draw: { readonly sample: number; readonly token: number; readonly round: number },
): void {
  for (let block = 0; block < count / 4; block++) {
    philox4x32([draw.round * (count / 4) + block, draw.token, draw.sample, 0], key, words);
    for (let i = 0; i < 4; i++) out[offset + block * 4 + i] = (words[i]! >>> 8) * 2 ** -24;
  }
}
