import { mkdtemp, readFile, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  concatSafetensors,
  type DType,
  float32ToFloat16,
  openSafetensors,
  readFloat32At,
  type TensorEntry,
  writeSafetensors,
} from '../src/index.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'sonde-slices-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

let files = 0;
const write = async (entries: Record<string, TensorEntry>, metadata = {}): Promise<string> => {
  const file = path.join(folder, `${files++}.safetensors`);
  await writeSafetensors(file, entries, metadata);
  return file;
};

/** [n, 3, 2]: row, place and number can be read off each value. */
const marked = (n: number, from = 0): Float32Array =>
  Float32Array.from({ length: n * 6 }, (_, i) => from + Math.floor(i / 6) + (Math.floor(i / 2) % 3) / 4 + (i % 2) / 16);

describe('a place of some rows', () => {
  test.each(['F64', 'F32', 'F16', 'BF16'] as DType[])('is read from %s in the order asked for', async (dtype) => {
    const file = await openSafetensors(await write({ t: { dtype, shape: [4, 3, 2], data: marked(4) } }));
    expect([...(await readFloat32At(file, 't', [3, 0, 3], 1))]).toEqual([3.25, 3.3125, 0.25, 0.3125, 3.25, 3.3125]);
    expect(await readFloat32At(file, 't', [], 0)).toHaveLength(0);
  });

  test('that lies outside, or of a tensor that is not of floats, is refused', async () => {
    const file = await openSafetensors(
      await write({
        t: { dtype: 'F32', shape: [2, 3, 2], data: marked(2) },
        i: { dtype: 'I32', shape: [1, 1], data: new Int32Array(1) },
      }),
    );
    await expect(readFloat32At(file, 't', [2], 0)).rejects.toThrow('[2, 0] lies outside its shape [2,3,2]');
    await expect(readFloat32At(file, 't', [0], 3)).rejects.toThrow('[0, 3] lies outside');
    await expect(readFloat32At(file, 'i', [0], 0)).rejects.toThrow('is I32, not of a floating-point type');
    await truncate(file.path, 100);
    await expect(readFloat32At(file, 't', [1], 2)).rejects.toThrow('cut short');
  });
});

describe('files one below the other', () => {
  const half = (values: Float32Array): TensorEntry['data'] => Uint16Array.from(values, float32ToFloat16);

  test('are the bytes of one file with all of them', async () => {
    const entries = (n: number, from: number): Record<string, TensorEntry> => ({
      a: { dtype: 'F32', shape: [n, 3, 2], data: marked(n, from) },
      b: { dtype: 'F16', shape: [n, 3, 2], data: half(marked(n, from)) },
    });
    const parts = [
      await write(entries(2, 0), { layers: '[0,1,2]' }),
      await write(entries(0, 2)),
      await write(entries(3, 2)),
    ];
    const to = path.join(folder, 'all.safetensors');
    await concatSafetensors(parts, to);
    const whole = await write(entries(5, 0), { layers: '[0,1,2]' });
    expect(await readFile(to)).toEqual(await readFile(whole));
  });

  test('of different shapes or tensors are refused', async () => {
    const first = await write({ t: { dtype: 'F32', shape: [2, 3, 2], data: marked(2) } });
    const narrow = await write({ t: { dtype: 'F32', shape: [2, 3], data: new Float32Array(6) } });
    const other = await write({ u: { dtype: 'F32', shape: [2, 3, 2], data: marked(2) } });
    const to = path.join(folder, 'never.safetensors');
    await expect(concatSafetensors([first, narrow], to)).rejects.toThrow(
      'is F32 [2,3], which cannot follow F32 [2,3,2]',
    );
    await expect(concatSafetensors([first, other], to)).rejects.toThrow('no tensor "t"');
  });
});
