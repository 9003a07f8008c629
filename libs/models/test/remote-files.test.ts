import { expect, it } from 'vitest';
import { chooseAdapterFiles, chooseModelFiles } from '../src/index.ts';

const folder = (names: readonly string[], texts: Record<string, string> = {}) => ({
  label: 'hf:a/b@main',
  names,
  readText: async (name: string) => texts[name] ?? '{}',
});
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
  expect(await chooseModelFiles(folder(names))).toEqual([
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
  expect(await chooseModelFiles(folder(names, { [INDEX]: index }))).toEqual([
    'config.json',
    'm-1.safetensors',
    'm-2.safetensors',
    INDEX,
    'tokenizer.json',
  ]);
  const without = names.filter((name) => name !== 'm-2.safetensors');
  await expect(chooseModelFiles(folder(without, { [INDEX]: index }))).rejects.toThrow('m-2.safetensors');
  for (const text of ['{', '[]', '{}', '{"weight_map": {"a": "../x"}}', '{"weight_map": {"a": 1}}']) {
    await expect(chooseModelFiles(folder(names, { [INDEX]: text })), text).rejects.toThrow(INDEX);
  }
});

it('says what is there where something is missing', async () => {
  await expect(chooseModelFiles(folder(['config.json', 'tokenizer.json', 'pytorch_model.bin']))).rejects.toThrow(
    'hf:a/b@main has no safetensors weights. There are: config.json, tokenizer.json, pytorch_model.bin.',
  );
  await expect(chooseModelFiles(folder([]))).rejects.toThrow('nothing in it');
  expect(chooseAdapterFiles(folder(['adapter_config.json', 'adapter_model.safetensors', 'x']))).toHaveLength(2);
  expect(() => chooseAdapterFiles(folder(['adapter_config.json']))).toThrow('adapter_model.safetensors');
});
