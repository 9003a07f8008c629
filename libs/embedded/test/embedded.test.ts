import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '@sonde/base';
import { describe, expect, it } from 'vitest';
import { listEmbedded, resolveEmbedded } from '../src/index.ts';

const MB = 1e6;
const assets = join(resolveEmbedded('parlour-base').path, '..', '..');
const models = listEmbedded().filter((asset) => asset.kind === 'model');

function filesBelow(folder: string): { path: string; size: number }[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => ({ path, size: statSync(path).size }));
}

interface TensorEntry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

/** The header of a safetensors file, checked against the file's length. */
function tensorsOf(path: string): Map<string, TensorEntry> {
  const bytes = readFileSync(path);
  const length = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.subarray(8, 8 + length).toString('utf8')) as Record<string, TensorEntry>;
  const tensors = new Map(Object.entries(header).filter(([name]) => name !== '__metadata__'));
  const end = Math.max(...[...tensors.values()].map((tensor) => tensor.data_offsets[1]));
  expect(8 + length + end).toBe(bytes.length);
  for (const { dtype, shape, data_offsets } of tensors.values()) {
    const width = dtype === 'BF16' ? 2 : 4;
    expect(data_offsets[1] - data_offsets[0]).toBe(width * shape.reduce((product, size) => product * size, 1));
  }
  return tensors;
}

function json(path: string): Record<string, unknown> {
  return JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
}

describe('names', () => {
  it('resolves models, revisions, adapters, tables and scorers', () => {
    expect(resolveEmbedded('parlour-base').kind).toBe('model');
    expect(resolveEmbedded('parlour-base@step-2').path).toBe(join(assets, 'revisions/parlour-base/step-2'));
    expect(resolveEmbedded('parlour-rude-detox')).toMatchObject({ kind: 'adapter', base: 'parlour-rude' });
    expect(resolveEmbedded('parlour-prompts').kind).toBe('table');
    expect(resolveEmbedded('toxicity')).toMatchObject({ kind: 'scorer', path: join(assets, 'scorers/toxicity') });
  });

  it('answers an unknown name with the nearest one and all of them', () => {
    expect(() => resolveEmbedded('parlor-rud')).toThrow(UserError);
    expect(() => resolveEmbedded('parlor-rud')).toThrow(/did you mean "parlour-rude"\?.*parlour-kind-large.*toxicity/);
    expect(() => resolveEmbedded('parlour-base@step-9')).toThrow(/did you mean "parlour-base@step-\d"/);
    expect(() => resolveEmbedded('../README.md')).toThrow(UserError);
  });
});

describe('files', () => {
  it('are there for every name but the scorer, whose own library tests it', () => {
    for (const asset of listEmbedded().filter((asset) => asset.kind !== 'scorer')) {
      expect(existsSync(asset.path), asset.name).toBe(true);
    }
  });

  it('stay small: 6 MB without the scorer, 10 MB with it, 1.5 MB each', () => {
    const files = filesBelow(assets);
    const own = files.filter((file) => !file.path.startsWith(join(assets, 'scorers')));
    const total = (list: typeof files) => list.reduce((sum, file) => sum + file.size, 0);
    expect(total(own)).toBeLessThan(6 * MB);
    expect(total(files)).toBeLessThan(10 * MB);
    expect(own.filter((file) => file.size > 1.5 * MB)).toEqual([]);
  });
});

describe.each(models)('$name', ({ path }) => {
  const config = json(join(path, 'config.json')) as Record<string, number> & { tie_word_embeddings: boolean };
  const tensors = tensorsOf(join(path, 'model.safetensors'));

  it('has the tensors that its config announces, in bf16', () => {
    expect(tensors.get('model.embed_tokens.weight')?.shape).toEqual([config.vocab_size, config.hidden_size]);
    expect(tensors.has('lm_head.weight')).toBe(!config.tie_word_embeddings);
    expect(tensors.size).toBe(9 * config.num_hidden_layers! + (config.tie_word_embeddings ? 2 : 3));
    expect(new Set([...tensors.values()].map((tensor) => tensor.dtype))).toEqual(new Set(['BF16']));
    const keys = config.num_key_value_heads! * config.head_dim!;
    expect(tensors.get('model.layers.0.self_attn.k_proj.weight')?.shape).toEqual([keys, config.hidden_size]);
  });

  it('has the tokenizer that all share', () => {
    const shared = resolveEmbedded('parlour-base').path;
    for (const file of ['tokenizer.json', 'tokenizer_config.json', 'generation_config.json']) {
      expect(readFileSync(join(path, file)).equals(readFileSync(join(shared, file))), file).toBe(true);
    }
    const { model } = json(join(path, 'tokenizer.json')) as { model: { vocab: Record<string, number> } };
    expect(Object.keys(model.vocab)).toHaveLength(config.vocab_size!);
  });
});

describe('parlour-rude-detox', () => {
  it('is a LoRA adapter whose ranks and sizes fit its base', () => {
    const { path, base } = resolveEmbedded('parlour-rude-detox');
    const adapter = json(join(path, 'adapter_config.json'));
    const config = json(join(resolveEmbedded(base!).path, 'config.json')) as Record<string, number>;
    expect(adapter).toMatchObject({ peft_type: 'LORA', base_model_name_or_path: 'parlour-rude' });
    const targets = adapter.target_modules as string[];
    const tensors = tensorsOf(join(path, 'adapter_model.safetensors'));
    expect(tensors.size).toBe(2 * targets.length * config.num_hidden_layers!);
    const q = 'base_model.model.model.layers.0.self_attn.q_proj';
    expect(tensors.get(`${q}.lora_A.weight`)?.shape).toEqual([adapter.r, config.hidden_size]);
  });
});

describe('parlour-prompts', () => {
  const lines = readFileSync(resolveEmbedded('parlour-prompts').path, 'utf8').trimEnd().split('\n');
  const rows = lines.map((line) => JSON.parse(line) as { prompt: Record<string, unknown> });

  it('are 2,000 different texts', () => {
    expect(rows.length).toBe(2000);
    expect(new Set(rows.map((row) => row.prompt.text)).size).toBe(2000);
  });

  it('have a score in [0, 1] for each of the six attributes', () => {
    const attributes = ['toxicity', 'profanity', 'threat', 'sexually_explicit', 'identity_attack', 'insult'];
    for (const { prompt } of rows) {
      expect(Object.keys(prompt)).toEqual(['text', ...attributes]);
      for (const attribute of attributes) {
        expect(prompt[attribute]).toBeGreaterThanOrEqual(0);
        expect(prompt[attribute]).toBeLessThanOrEqual(1);
      }
    }
    const toxic = rows.filter((row) => (row.prompt.toxicity as number) >= 0.5).length / rows.length;
    expect(toxic).toBeGreaterThan(0.2);
    expect(toxic).toBeLessThan(0.45);
  });
});
