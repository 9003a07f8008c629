import { existsSync, readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '@sonde/base';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { buildGraph, decodeModel, encodeModel, float, type OnnxModel } from '../src/index.ts';

function modelWithBranch(): OnnxModel {
  const graph = buildGraph('absolute_doubled');
  const x = graph.input('x', 'float32', ['rows', 2]);
  const negative = graph.node('Less', [graph.node('ReduceSum', [x], { keepdims: 0 }), graph.scalar(0)]);
  const chosen = graph.node('If', [negative], {
    then_branch: graph.subgraph('negated', (inner) => inner.output('then', inner.node('Neg', [x]), 'float32')),
    else_branch: graph.subgraph('kept', (inner) => inner.output('else', inner.node('Identity', [x]), 'float32')),
  });
  graph.output('y', graph.node('Mul', [chosen, graph.scalar(2)]), 'float32', ['rows', 2]);
  const shape = graph.constant([1, -1]);
  graph.output('flat', graph.node('Reshape', [x, shape], { allowzero: 0 }), 'float32');
  graph.output('leaky', graph.node('LeakyRelu', [x], { alpha: float(1) }), 'float32');
  return { irVersion: 10, producerName: 'sonde', opsets: { '': 23 }, graph: graph.finish() };
}

describe('an ONNX model', () => {
  test('that we encode is run by ONNX Runtime, subgraphs included', async () => {
    const session = await InferenceSession.create(encodeModel(modelWithBranch()));
    const run = (...x: number[]) => session.run({ x: new Tensor('float32', Float32Array.from(x), [x.length / 2, 2]) });
    expect([...((await run(1, 2)).y!.data as Float32Array)]).toEqual([2, 4]);
    const negative = await run(-1, -2, -3, -4);
    expect([...(negative.y!.data as Float32Array)]).toEqual([2, 4, 6, 8]);
    expect(negative.flat!.dims).toEqual([1, 4]);
    await session.release();
  });

  test('comes back the same from its bytes', () => {
    const model = modelWithBranch();
    expect(decodeModel(encodeModel(model))).toEqual(model);
  });

  test('keeps where its external data lie', () => {
    const graph = buildGraph('external');
    const where = { location: 'weights.safetensors', offset: 2 ** 33 + 8, length: 2 ** 32 };
    const w = graph.external('w', 'bfloat16', [2 ** 16, 2 ** 15], where);
    graph.output('y', graph.node('Cast', [w], { to: 1 }), 'float32');
    const model = { irVersion: 10, producerName: 'sonde', opsets: { '': 23 }, graph: graph.finish() };
    expect(decodeModel(encodeModel(model)).graph.initializers[0]!.external).toEqual(where);
  });

  test('equal constants are kept once', () => {
    const graph = buildGraph('constants');
    expect(graph.constant([1, -1])).toBe(graph.constant([1, -1]));
    expect(graph.constant([1, -1])).not.toBe(graph.constant([1, -1], [2, 1]));
    expect(graph.scalar(1)).not.toBe(graph.constant(Float32Array.of(1)));
  });

  test('is not what other bytes are', () => {
    expect(() => decodeModel(Buffer.from('hello, I am a text file, not a model'))).toThrow(UserError);
    expect(() => decodeModel(new Uint8Array(0))).toThrow('it has no graph');
  });

  const shared = join(import.meta.dirname, '../../../../shared/data/onnx');
  test.skipIf(!existsSync(shared))(
    'of another exporter (../shared) is read and written again without loss',
    async () => {
      for (const name of ['tiny-random-gpt2-fp32', 'tiny-random-llama-fp16']) {
        const file = readdirSync(join(shared, name)).find((entry) => entry.endsWith('.onnx'))!;
        const model = decodeModel(await readFile(join(shared, name, file)));
        expect(model.graph.nodes.length).toBeGreaterThan(30);
        const bytes = encodeModel(model);
        expect(Buffer.compare(encodeModel(decodeModel(bytes)), bytes)).toBe(0);
      }
    },
  );
});
