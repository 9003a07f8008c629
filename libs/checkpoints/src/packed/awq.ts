import { UserError } from '@sonde/base';
import {
  addWeight,
  FLOATS,
  type Found,
  floatsOf,
  nothingFound,
  partOf,
  partOfShape,
  refuseSetting,
  type Source,
  wordsOf,
} from './parts.ts';
import type { ReadRows } from './types.ts';

/** Codes in a word. */
const PER_WORD = 8;
/** Where in its word, counted from the least bits, the code of each of eight neighbouring outputs lies. */
const PLACES = [0, 4, 1, 5, 2, 6, 3, 7];

/** AWQ in AutoAWQ's `gemm` form: 4-bit codes [in, out / 8] along the output, zeros [groups, out / 8], scales [groups, out]. */
export function findAwq(source: Source): Found {
  const found = nothingFound();
  const { settings } = source;
  const named = settings.version === undefined ? 'format' : 'version';
  const version = settings[named] ?? 'gemm';
  if (typeof version !== 'string' || version.toLowerCase() !== 'gemm') refuseSetting(source, named, 'gemm');
  if (settings.backend === 'llm-awq') refuseSetting(source, 'backend', 'autoawq');
  const bits = settings.bits === undefined ? 'w_bit' : 'bits';
  if ((settings[bits] ?? 4) !== 4) refuseSetting(source, bits, '4');
  for (const name of source.weights.keys()) {
    if (!name.endsWith('.qweight')) continue;
    const base = name.slice(0, -'.qweight'.length);
    const codes = partOf(source, name, ['I32'], 2);
    const [input, columns] = codes.info.shape as [number, number];
    const output = columns * PER_WORD;
    const groups = partOf(source, `${base}.scales`, FLOATS, 2).info.shape[0]!;
    const scales = partOfShape(source, `${base}.scales`, FLOATS, [groups, output]);
    const zeros = partOfShape(source, `${base}.qzeros`, ['I32'], [groups, columns]);
    if (groups === 0 || input % groups !== 0) {
      throw new UserError(
        'model',
        `${codes.file.path}: "${name}" has ${input} inputs in ${groups} groups, which are not equal.`,
      );
    }
    const size = input / groups;
    const open = async (): Promise<ReadRows> => {
      const [packed, middles, factors] = [await wordsOf(codes), await wordsOf(zeros), await floatsOf(scales)];
      return (from, to) => {
        const out = new Float32Array((to - from) * input);
        for (let i = 0; i < input; i++) {
          const group = Math.floor(i / size);
          for (let o = from; o < to; o++) {
            const [column, shift] = [o >> 3, 4 * PLACES[o & 7]!];
            const code = (packed[i * columns + column]! >>> shift) & 15;
            const zero = (middles[group * columns + column]! >>> shift) & 15;
            out[(o - from) * input + i] = (code - zero) * factors[group * output + o]!;
          }
        }
        return out;
      };
    };
    const parts = ['qweight', 'qzeros', 'scales'].map((part) => `${base}.${part}`);
    addWeight(found, `${base}.weight`, codes, [output, input], { format: 'awq int4', open }, parts);
  }
  return found;
}
