import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UserError } from '@sonde/base';
import fc from 'fast-check';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { PbfWriter } from 'pbf';
import { describe, expect, test } from 'vitest';
import { buildGraph, decodeModel, encodeModel, type OnnxModel } from '../src/index.ts';

const modelOf = (value: bigint | number): OnnxModel => {
  const graph = buildGraph('integers');
  const all = BigInt64Array.of(BigInt(value), 0n, -(2n ** 63n), 2n ** 63n - 1n);
  graph.output('y', graph.node('Identity', [graph.constant(all)]), 'int64');
  graph.node('Constant', [], { value_int: { kind: 'int', value } });
  graph.node('Constant', [], { value_ints: { kind: 'ints', value: [value, -1, 2n ** 63n - 1n] } });
  return { irVersion: 10, producerName: 'sonde', opsets: { '': 23 }, graph: graph.finish() };
};

describe('64-bit integers', () => {
  test('come back bit for bit, as attributes and in tensors', () => {
    fc.assert(
      fc.property(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), (big) => {
        const value = Number.isSafeInteger(Number(big)) ? Number(big) : big;
        const model = modelOf(value);
        expect(decodeModel(encodeModel(model))).toEqual(model);
      }),
      { numRuns: 200 },
    );
  });

  test('written as a list of numbers become the same bytes', () => {
    const tensor = (pbf: PbfWriter): void => {
      pbf.writePackedVarint(1, [3]);
      pbf.writeVarintField(2, 7);
      pbf.writeStringField(8, 'list');
      // int64_data: 2^63 − 1, −2^63, 5
      const bytes = [...Array(8).fill(0xff), 0x7f, ...Array(9).fill(0x80), 0x01, 5];
      pbf.writeBytesField(7, Uint8Array.from(bytes));
    };
    const pbf = new PbfWriter();
    pbf.writeMessage(7, (_: null, graph) => graph.writeMessage(5, (__: null, inner) => tensor(inner), null), null);
    const [list] = decodeModel(pbf.finish()).graph.initializers;
    expect(new BigInt64Array(list!.raw!.slice().buffer)).toEqual(BigInt64Array.of(2n ** 63n - 1n, -(2n ** 63n), 5n));
  });
});

describe('bytes that lie', () => {
  const nested = (depth: number): Uint8Array => {
    let bytes: Uint8Array = new Uint8Array(0);
    for (let i = 0; i < depth; i++) {
      const wrap = (field: number, type?: number): void => {
        const pbf = new PbfWriter();
        pbf.writeBytesField(field, bytes);
        if (type !== undefined) pbf.writeVarintField(20, type);
        bytes = pbf.finish().slice();
      };
      wrap(6, 5);
      wrap(5);
      wrap(1);
    }
    const pbf = new PbfWriter();
    pbf.writeBytesField(7, bytes);
    return pbf.finish();
  };

  test('graphs inside graphs without end are refused, some are not', () => {
    expect(decodeModel(nested(5)).graph.nodes).toHaveLength(1);
    expect(() => decodeModel(nested(2000))).toThrow(/nested deeper/);
  });

  test('a flood of empty messages is refused', () => {
    const flood = new Uint8Array(2 * 1_000_001);
    for (let i = 0; i < flood.length; i += 2) flood[i] = 0x42;
    expect(() => decodeModel(flood)).toThrow(/more than 1000000 parts/);
  });

  test.each([
    ['a message', [0x3a, 0xff, 0xff, 0xff, 0x7f]],
    ['a list of 2^60 numbers', [0x3a, 12, 0x2a, 10, 0x0a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10]],
    ['a name', [0x3a, 3, 0x12, 0x7f, 0x41]],
  ])('%s longer than the file is refused', (_, bytes) => {
    expect(() => decodeModel(Uint8Array.from(bytes))).toThrow(UserError);
  });

  test('a model cut anywhere is refused or read as far as whole parts go, at once', () => {
    const bytes = encodeModel(modelOf(2n ** 62n));
    for (let end = 0; end < bytes.length; end++) {
      try {
        decodeModel(bytes.slice(0, end));
      } catch (error) {
        expect(error).toBeInstanceOf(UserError);
      }
    }
  });

  test('random bytes and random changes never do worse than being refused', () => {
    const bytes = encodeModel(modelOf(7));
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), (at, value) => {
        const changed = bytes.slice();
        changed[at] = value;
        try {
          decodeModel(changed);
        } catch (error) {
          expect(error).toBeInstanceOf(UserError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

const shared = join(import.meta.dirname, '../../../../shared/data/onnx');
describe.skipIf(!existsSync(shared))('graphs of other exporters (../shared), read and written again', () => {
  const feeds = (session: InferenceSession): Record<string, Tensor> =>
    Object.fromEntries(
      session.inputMetadata.map((input) => {
        if (!input.isTensor) throw new Error(input.name);
        const past = input.shape.length > 2;
        const dims = input.shape.map((size) =>
          typeof size === 'number' ? size : past && size.includes('past') ? 0 : 3,
        );
        const ids = input.name === 'attention_mask' ? [1, 1, 1] : [0, 1, 2];
        const values = dims.length === 2 ? [ids, ids, ids].flat().slice(0, 9) : [];
        if (input.type === 'int64') return [input.name, new Tensor('int64', values.map(BigInt), dims)];
        if (input.type === 'int32') return [input.name, new Tensor('int32', values, dims)];
        const empty = input.type === 'float16' ? new Uint16Array(0) : new Float32Array(0);
        return [input.name, new Tensor(input.type as 'float32', empty as Float32Array, dims)];
      }),
    );

  test.each([
    ['tiny-random-gpt2-fp32', 'past.onnx'],
    ['tiny-random-llama-fp16', 'model.onnx'],
  ])('%s gives the same outputs, bit for bit', async (name, file) => {
    const folder = await mkdtemp(join(tmpdir(), 'sonde-onnx-test-'));
    const original = join(shared, name, file);
    const data = `${original}.data`;
    const copy = join(folder, file);
    await writeFile(copy, encodeModel(decodeModel(await readFile(original))));
    if (existsSync(data)) await writeFile(`${copy}.data`, await readFile(data));
    const [before, after] = [await InferenceSession.create(original), await InferenceSession.create(copy)];
    const [expected, actual] = [await before.run(feeds(before)), await after.run(feeds(after))];
    expect(Object.keys(actual)).toEqual(Object.keys(expected));
    for (const [output, tensor] of Object.entries(expected)) {
      expect(tensor.size).toBeGreaterThan(0);
      expect(Buffer.from((await actual[output]!.getData()) as never)).toEqual(
        Buffer.from((await tensor.getData()) as never),
      );
    }
    await before.release();
    await after.release();
    await rm(folder, { recursive: true });
  });
});
