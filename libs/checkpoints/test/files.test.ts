import { encodeModel } from '@sonde/onnx';
import { expect, it } from 'vitest';
import { listAdapterFiles, listModelFiles, remoteFolder } from '../src/index.ts';

const folder = (names: readonly string[], texts: Record<string, string> = {}) =>
  remoteFolder({ label: 'hf:a/b@main', names, read: async (name) => Buffer.from(texts[name] ?? '{}') });
const INDEX = 'model.safetensors.index.json';

it('takes what loading reads and nothing else', async () => {
  const names = [
    'README.md',
    'config.json',
    'consolidated.safetensors',
    'generation_config.json',
    'model.safetensors',
    'onnx/model.onnx',
    'pytorch_model.bin',
    'tokenizer.json',
    'tokenizer.model',
    'tokenizer_config.json',
  ];
  expect(await listModelFiles(folder(names))).toEqual([
    'config.json',
    'generation_config.json',
    'model.safetensors',
    'tokenizer.json',
    'tokenizer_config.json',
  ]);
});

it('takes the shards that an index names, and says which is missing', async () => {
  const index = JSON.stringify({ weight_map: { a: 'm-1.safetensors', b: 'm-2.safetensors', c: 'm-1.safetensors' } });
  const names = ['config.json', 'tokenizer.json', INDEX, 'm-1.safetensors', 'm-2.safetensors', 'm-3.safetensors'];
  expect(await listModelFiles(folder(names, { [INDEX]: index }))).toEqual([
    'config.json',
    'm-1.safetensors',
    'm-2.safetensors',
    INDEX,
    'tokenizer.json',
  ]);
  const without = names.filter((name) => name !== 'm-2.safetensors');
  await expect(listModelFiles(folder(without, { [INDEX]: index }))).rejects.toThrow('m-2.safetensors');
  for (const text of ['{', '[]', '{}', '{"weight_map": {"a": "../x"}}', '{"weight_map": {"a": 1}}']) {
    await expect(listModelFiles(folder(names, { [INDEX]: text })), text).rejects.toThrow(INDEX);
  }
});

it('takes a ready graph where there are no safetensors, with the data files that it names', async () => {
  const graph = encodeModel({
    irVersion: 10,
    producerName: '',
    opsets: { '': 17 },
    graph: {
      name: 'g',
      nodes: [],
      inputs: [],
      outputs: [],
      initializers: [
        {
          name: 'w',
          dataType: 'float32',
          dims: [2],
          external: { location: 'model.onnx_data', offset: 0, length: 8 },
        },
      ],
    },
  });
  const there = ['config.json', 'tokenizer.json', 'onnx/model.onnx', 'onnx/model.onnx_data', 'onnx/model_q4.onnx'];
  const remote = (names: readonly string[]) =>
    remoteFolder({
      label: 'hf:a/b@main',
      names,
      read: async (name) => (name.endsWith('.onnx') ? graph : Buffer.from('{}')),
    });
  expect(await listModelFiles(remote(there))).toEqual([
    'config.json',
    'onnx/model.onnx',
    'onnx/model.onnx_data',
    'tokenizer.json',
  ]);
  const without = there.filter((name) => name !== 'onnx/model.onnx_data');
  await expect(listModelFiles(remote(without))).rejects.toThrow('onnx/model.onnx_data, which is not there');
});

it('says what is there where something is missing', async () => {
  await expect(listModelFiles(folder(['config.json', 'tokenizer.json', 'pytorch_model.bin']))).rejects.toThrow(
    'hf:a/b@main has neither safetensors weights nor a graph model.onnx. There are: config.json, tokenizer.json, pytorch_model.bin.',
  );
  await expect(listModelFiles(folder([]))).rejects.toThrow('nothing in it');
  expect(listAdapterFiles(folder(['adapter_config.json', 'adapter_model.safetensors', 'x']))).toHaveLength(2);
  expect(() => listAdapterFiles(folder(['adapter_config.json']))).toThrow('adapter_model.safetensors');
});
