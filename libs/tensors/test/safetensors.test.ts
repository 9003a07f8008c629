import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UserError } from '@sonde/base';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  bfloat16ToFloat32,
  decodeNpy,
  encodeNpy,
  float16ToFloat32,
  float32ToBfloat16,
  float32ToFloat16,
  openSafetensors,
  readFloat32,
  readTensor,
  writeSafetensors,
} from '../src/index.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sonde-tensors-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function file(header: unknown, data = 0, length?: bigint): Uint8Array {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(length ?? BigInt(json.length));
  return Buffer.concat([prefix, json, Buffer.alloc(data)]);
}

async function openBytes(bytes: Uint8Array) {
  const path = join(folder, 'hostile.safetensors');
  await writeFile(path, bytes);
  return openSafetensors(path);
}

describe('writing and reading', () => {
  test('tensors come back as they were written, in every dtype', async () => {
    const path = join(folder, 'all.safetensors');
    const entries = {
      f64: { dtype: 'F64', shape: [2], data: Float64Array.of(1.5, -2) },
      f32: { dtype: 'F32', shape: [2, 1], data: Float32Array.of(0.1, 3) },
      f16: { dtype: 'F16', shape: [1], data: Uint16Array.of(0x3c00) },
      i64: { dtype: 'I64', shape: [1], data: BigInt64Array.of(-5n) },
      i32: { dtype: 'I32', shape: [], data: Int32Array.of(7) },
      u8: { dtype: 'U8', shape: [3], data: Uint8Array.of(1, 2, 255) },
      bool: { dtype: 'BOOL', shape: [2], data: Uint8Array.of(0, 1) },
      none: { dtype: 'F32', shape: [0, 4], data: new Float32Array(0) },
    } as const;
    await writeSafetensors(path, entries, { b: '2', a: 'é' });
    const opened = await openSafetensors(path);
    expect(opened.metadata).toEqual({ a: 'é', b: '2' });
    for (const [name, { dtype, shape, data }] of Object.entries(entries)) {
      expect(await readTensor(opened, name)).toEqual({ dtype, shape, data });
      expect(opened.tensors.get(name)!.offset % data.BYTES_PER_ELEMENT).toBe(0);
    }
  });

  test('the order in which tensors and metadata are named does not change the bytes', async () => {
    const a = { dtype: 'F32', shape: [1], data: Float32Array.of(1) } as const;
    const b = { dtype: 'F16', shape: [1], data: Float32Array.of(2) } as const;
    await writeSafetensors(join(folder, 'x'), { a, b }, { p: '1', q: '2' });
    await writeSafetensors(join(folder, 'y'), { b, a }, { q: '2', p: '1' });
    expect(await readFile(join(folder, 'x'))).toEqual(await readFile(join(folder, 'y')));
  });

  test('a tensor streamed in chunks equals one written whole, and any range of rows can be read', async () => {
    const whole = Float32Array.from({ length: 12 }, (_, i) => i / 8);
    async function* chunks() {
      yield whole.subarray(0, 5);
      yield whole.subarray(5);
    }
    for (const dtype of ['F32', 'F16', 'BF16', 'F64'] as const) {
      const path = join(folder, 'stream');
      await writeSafetensors(path, { h: { dtype, shape: [4, 3], data: chunks() } });
      const opened = await openSafetensors(path);
      expect((await readFloat32(opened, 'h')).data).toEqual(whole);
      expect(await readFloat32(opened, 'h', [1, 3])).toEqual({ shape: [2, 3], data: whole.slice(3, 9) });
      await expect(readFloat32(opened, 'h', [3, 5])).rejects.toThrow(/rows \[3, 5\)/);
    }
  });

  test('data that does not fill its shape is refused and leaves no file', async () => {
    const path = join(folder, 'short');
    const entry = { dtype: 'F32', shape: [3], data: Float32Array.of(1) } as const;
    await expect(writeSafetensors(path, { h: entry })).rejects.toThrow('"h": F32 [3] needs 12 bytes, 4 were given');
    expect(existsSync(path)).toBe(false);
  });
});

describe('hostile files', () => {
  const entry = (begin: number, end: number, shape = [1]) => ({ dtype: 'F32', shape, data_offsets: [begin, end] });
  test.each([
    ['empty', new Uint8Array(0), /0 bytes, 8 are needed/],
    ['a header of 2^60 bytes', file('{}', 0, 1n << 60n), /1152921504606846976 bytes; at most/],
    ['a header longer than the file', file('{}', 0, 1000n), /truncated/],
    ['no JSON', file('{"a":'), /not JSON/],
    ['bytes that are no text', Buffer.concat([file('', 0, 1n), Buffer.of(0xff)]), /not JSON/],
    ['a list', file('[]'), /not a JSON object/],
    ['an unknown dtype', file({ a: { ...entry(0, 4), dtype: 'F3' } }, 4), /"a" has the unknown dtype "F3"/],
    ['a negative size', file({ a: entry(0, 4, [-1]) }, 4), /"a": shape \[-1\]/],
    ['an overflowing shape', file({ a: entry(0, 4, [2 ** 40, 2 ** 40]) }, 4), /"a".*needs .* bytes/],
    ['offsets the wrong way', file({ a: entry(4, 0) }, 4), /"a": data_offsets/],
    ['a wrong size', file({ a: entry(0, 8) }, 8), /"a": F32 \[1\] needs 4 bytes, data_offsets give 8/],
    ['data beyond the end', file({ a: entry(0, 4) }, 3), /"a": its data ends at byte .* truncated/],
    ['overlap', file({ a: entry(0, 4), b: entry(0, 4) }, 4), /"b" overlaps/],
    ['a name twice', file('{"a":1,"a":2}'), /the header has "a" twice/],
    ['a gap', file({ a: entry(0, 4), b: entry(8, 12) }, 12), /"b" leaves a gap/],
    ['bytes of nobody', file({ a: entry(0, 4) }, 9), /5 bytes after the last tensor/],
    ['metadata that is no text', file({ __metadata__: { a: 1 } }), /"a" is not a string/],
  ])('%s: a UserError that says so', async (_, bytes, message) => {
    const failure = await openBytes(bytes).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(UserError);
    expect(String(failure)).toMatch(message);
    expect(String(failure)).toContain('hostile.safetensors');
  });

  test('whatever the bytes, opening gives a file or a UserError', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 64 }), async (bytes) => {
        await openBytes(bytes).catch((error: unknown) => expect(error).toBeInstanceOf(UserError));
      }),
      { numRuns: 50, seed: 1 },
    );
  });
});

describe('half precision', () => {
  test('every binary16 and bfloat16 value survives the way to float32 and back', () => {
    const lost: number[] = [];
    for (let bits = 0; bits < 65536; bits++) {
      const half = float16ToFloat32(bits);
      const brain = bfloat16ToFloat32(bits);
      if (!Number.isNaN(half) && float32ToFloat16(half) !== bits) lost.push(bits);
      if (!Number.isNaN(brain) && float32ToBfloat16(brain) !== bits) lost.push(bits);
    }
    expect(lost).toEqual([]);
  });

  test('rounding is to nearest, ties to even', () => {
    expect(float16ToFloat32(float32ToFloat16(1 + 2 ** -11))).toBe(1);
    expect(float16ToFloat32(float32ToFloat16(1 + 3 * 2 ** -11))).toBe(1 + 2 ** -9);
    expect(float16ToFloat32(float32ToFloat16(65519))).toBe(65504);
    expect(float16ToFloat32(float32ToFloat16(65520))).toBe(Number.POSITIVE_INFINITY);
    expect(float16ToFloat32(float32ToFloat16(2 ** -25))).toBe(0);
    expect(float16ToFloat32(float32ToFloat16(1.5 * 2 ** -25))).toBe(2 ** -24);
    expect(bfloat16ToFloat32(float32ToBfloat16(1 + 2 ** -8))).toBe(1);
    expect(bfloat16ToFloat32(float32ToBfloat16(1 + 3 * 2 ** -8))).toBe(1 + 2 ** -6);
    expect(float16ToFloat32(float32ToFloat16(Number.NaN))).toBeNaN();
    expect(bfloat16ToFloat32(float32ToBfloat16(Number.NaN))).toBeNaN();
  });
});

describe('npy', () => {
  test('a tensor comes back', () => {
    const tensor = { dtype: 'F32', shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) } as const;
    const bytes = encodeNpy(tensor);
    expect((bytes.length - 24) % 64).toBe(0);
    expect(decodeNpy(bytes)).toEqual(tensor);
    expect(decodeNpy(encodeNpy({ dtype: 'I64', shape: [1], data: BigInt64Array.of(3n) })).shape).toEqual([1]);
  });

  const shared = join(import.meta.dirname, '../../../../shared/fixtures');
  test.skipIf(!existsSync(shared))(
    "NumPy's and the reference implementation's files (../shared) are read",
    async () => {
      const states = decodeNpy(await readFile(join(shared, 'probing/states.npy')));
      expect(states.data.length).toBe(states.shape.reduce((a, b) => a * b));
      const golden = await openSafetensors(join(shared, 'models/llama2-bf16/golden.safetensors'));
      expect((await readFloat32(golden, 'hidden.0')).shape).toEqual([5, 19, 32]);
    },
  );
});
