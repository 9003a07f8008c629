import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildGraph, encodeModel } from '@sonde/onnx';
import { openSafetensors, readFloat32, readTensor } from '@sonde/tensors';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { BLOCK, int4, int8 } from '../src/quantization/blockwise.ts';
import { planQuantizedFile } from '../src/quantization/file.ts';
import type { Codes, Format } from '../src/quantization/format.ts';
import { NF4_BLOCK, NF4_VALUES, nf4 } from '../src/quantization/nf4.ts';
import { fixtures, hasShared, numbers, relativeError } from './shared.ts';

/** Codes one by one, in the order of the weight. */
const nibbles = (codes: Uint8Array, firstIsLower: boolean): number[] =>
  Array.from(codes).flatMap((byte) => (firstIsLower ? [byte & 15, byte >> 4] : [byte >> 4, byte & 15]));

const fromNf4 = ({ codes, scales }: Codes, count: number): Float32Array =>
  Float32Array.from(
    nibbles(codes, false).slice(0, count),
    (code, i) => NF4_VALUES[code]! * scales[Math.floor(i / NF4_BLOCK)]!,
  );

/** Blockwise codes of whole rows; what fills up the last block of a row is left out. */
const fromBlocks = ({ codes, scales }: Codes, columns: number, bits: 4 | 8): Float32Array => {
  const all = bits === 8 ? Array.from(codes) : nibbles(codes, true);
  const padded = Math.ceil(columns / BLOCK) * BLOCK;
  const values = all.map((code, i) => (code - 2 ** (bits - 1)) * scales[Math.floor(i / BLOCK)]!);
  return Float32Array.from(values.filter((_, i) => i % padded < columns));
};

/** Random numbers with a spread that differs from block to block. */
const uneven = (seed: number, count: number): Float32Array =>
  numbers(seed, count, 1).map((value, i) => value ** 3 * (1 + (Math.floor(i / 20) % 7)));

const FORMATS = [
  ['nf4', nf4, (found: Codes, [n, k]: readonly [number, number]) => fromNf4(found, n * k), 1e-6],
  // Inputs are rounded to 8 bits too.
  ['int8', int8, (found: Codes, [, k]: readonly [number, number]) => fromBlocks(found, k, 8), 0.015],
  ['int4', int4, (found: Codes, [, k]: readonly [number, number]) => fromBlocks(found, k, 4), 1e-6],
] as const;

const SHAPES = [
  [24, 40],
  [16, 21],
  [70, 64],
  [3, 5],
] as const;

/** x Wᵀ by ONNX Runtime. */
async function multiply(format: Format, { codes, scales }: Codes, shape: readonly [number, number], x: Float32Array) {
  const graph = buildGraph('product');
  const input = graph.input('x', 'float32', ['rows', shape[1]]);
  graph.output('y', format.multiply(graph, input, 'codes', 'scales', shape), 'float32');
  const { initializers, ...rest } = graph.finish();
  const raw = (data: Uint8Array | Float32Array) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const weights = [
    { name: 'codes', dataType: 'uint8', dims: format.codes(shape), raw: raw(codes) },
    { name: 'scales', dataType: 'float32', dims: format.scales(shape), raw: raw(scales) },
  ] as const;
  const model = {
    irVersion: 10,
    producerName: 'test',
    opsets: { '': 23, 'com.microsoft': 1 },
    graph: { ...rest, initializers: [...initializers, ...weights] },
  };
  const session = await InferenceSession.create(encodeModel(model), { intraOpNumThreads: 1, logSeverityLevel: 3 });
  const rows = x.length / shape[1];
  const { y } = await session.run({ x: new Tensor('float32', x, [rows, shape[1]]) });
  await session.release();
  return y!.data as Float32Array;
}

describe.each(FORMATS)('%s', (name, format, dequantise, tolerance) => {
  test.each(SHAPES)('multiplies with the weights that its codes and scales stand for: [%i, %i]', async (n, k) => {
    const found = format.quantize(uneven(3, n * k), k);
    expect(found.codes.length).toBe(format.codes([n, k]).reduce((a, b) => a * b));
    expect(found.scales.length).toBe(format.scales([n, k]).reduce((a, b) => a * b));
    const weights = dequantise(found, [n, k]);
    const x = numbers(9, 5 * k, 1);
    const expected = Float32Array.from({ length: 5 * n }, (_, at) => {
      const [row, out] = [Math.floor(at / n), at % n];
      let sum = 0;
      for (let i = 0; i < k; i++) sum += x[row * k + i]! * weights[out * k + i]!;
      return sum;
    });
    expect(relativeError(await multiply(format, found, [n, k], x), expected)).toBeLessThan(tolerance);
  });

  test('gives a row alone the bits that it gives it among others', async () => {
    const shape = [70, 72] as const;
    const found = format.quantize(uneven(4, 70 * 72), 72);
    const x = numbers(9, 33 * 72, 1);
    const among = await multiply(format, found, shape, x);
    for (const [first, count] of [
      [0, 1],
      [7, 1],
      [5, 2],
      [3, 16],
    ] as const) {
      const alone = await multiply(format, found, shape, x.slice(first * 72, (first + count) * 72));
      expect(alone).toEqual(among.slice(first * 70, (first + count) * 70));
    }
  });

  test('quantises a weight by parts as in one piece', () => {
    for (const [n, k] of SHAPES) {
      const weight = uneven(5, n * k);
      const whole = format.quantize(weight, k);
      const step = format.rowStep(k);
      const parts: Codes[] = [];
      for (let row = 0; row < n; row += step) parts.push(format.quantize(weight.slice(row * k, (row + step) * k), k));
      expect(Buffer.concat(parts.map(({ codes }) => codes)).equals(whole.codes)).toBe(true);
      expect(parts.flatMap(({ scales }) => Array.from(scales))).toEqual(Array.from(whole.scales));
    }
  });

  test('keeps zeros', () => {
    const found = format.quantize(new Float32Array(3 * 50), 50);
    expect(dequantise(found, [3, 50]).every((value) => value === 0)).toBe(true);
  });

  test('rounds to the nearest value that a code of its block has', () => {
    const [n, k] = [40, 96];
    const weight = uneven(6, n * k);
    const found = format.quantize(weight, k);
    const block = name === 'nf4' ? NF4_BLOCK : BLOCK;
    const units: number[] =
      name === 'nf4'
        ? Array.from(NF4_VALUES)
        : Array.from(
            { length: name === 'int8' ? 256 : 16 },
            (_, code, size = name === 'int8' ? 128 : 8) => code - size,
          );
    const values = dequantise(found, [n, k]);
    for (const [i, value] of weight.entries()) {
      const scale = found.scales[Math.floor(i / block)]!;
      const nearest = Math.min(...units.map((unit) => Math.abs(unit * scale - value)));
      expect(Math.abs(values[i]! - value) - nearest).toBeLessThan(1e-6);
    }
  });
});

describe('a file of quantised weights', () => {
  const [rows, columns] = [5, 70] as const;
  const plan = (format: 'nf4' | 'int8' | 'int4', transposed = false) => {
    const file = planQuantizedFile('quantized.bin', format, 'bfloat16');
    const stored = uneven(8, rows * columns);
    const read = async function* () {
      yield stored;
    };
    const weight = { name: 'w', shape: [rows, columns] as const, rows: { path: 'x', layout: { transposed }, read } };
    file.place(weight, file.format!);
    return file;
  };

  // Files are kept by what `content` says: where these change, the file's revision is raised.
  test.each([
    ['nf4', 1, 'b91a5e625a61492e'],
    ['int8', 1, '79efd2dc4cd0931f'],
    ['int4', 1, '3603a3755b725886'],
  ] as const)('in %s has in revision %i the bytes that it had', async (format, revision, digest) => {
    const folder = await mkdtemp(join(tmpdir(), 'sonde-quantized-'));
    const file = plan(format);
    await file.write(join(folder, 'file'));
    const bytes = await readFile(join(folder, 'file'));
    await rm(folder, { recursive: true });
    expect(file.content()).toMatchObject({ revision, quantization: format, dtype: 'bfloat16' });
    expect(createHash('sha256').update(bytes).digest('hex').slice(0, 16)).toBe(digest);
  });

  test('is another where a weight is read in another way', () => {
    expect(plan('nf4', true).content()).not.toEqual(plan('nf4').content());
    expect(plan('nf4').content()).toEqual(plan('nf4').content());
  });
});

describe.skipIf(!hasShared).each(['llama2-bf16', 'qwen2-bias'])('NF4 of %s (../shared)', (name) => {
  test('has the codes, scales and values of bitsandbytes, to the bit', async () => {
    const folder = join(fixtures, 'models', name);
    const golden = await openSafetensors(join(folder, 'golden.safetensors'));
    const checkpoint = await openSafetensors(join(folder, 'model.safetensors'));
    const { data, shape } = await readFloat32(checkpoint, 'model.layers.0.self_attn.q_proj.weight');
    const found = nf4.quantize(data, shape[1]!);
    expect(found.codes).toEqual((await readTensor(golden, 'nf4.packed')).data);
    expect(found.scales).toEqual((await readFloat32(golden, 'nf4.absmax')).data);
    expect(fromNf4(found, data.length)).toEqual((await readFloat32(golden, 'nf4.dequantized')).data);
  });
});
