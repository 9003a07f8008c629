import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { resolveEmbedded } from '@sonde/embedded';
import type { Cost, RunConfig, RunValue, Shape } from '@sonde/executor';
import { openSafetensors, writeSafetensors } from '@sonde/tensors';
import { openTokenizer } from '@sonde/tokenizers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { STEP_KINDS } from '../src/index.ts';
import { modelSize } from '../src/shared/cost/model-size.ts';
import { artifact, runStep, tableArtifact, temporaryFolder, withDefaults } from './harness.ts';

let work: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  work = await temporaryFolder();
});
afterAll(() => work.remove());

const folder = resolveEmbedded('parlour-base').path;
const model = artifact('model', folder);
const TEXTS = ['The baker says that the', 'A tailor told the guests', 'Nobody at the inn would say why', 'It is'];

const promptsOf = (texts: readonly string[]) =>
  tableArtifact(
    work.folder,
    texts.map((text, i) => ({ prompt_id: `p${i}`, rendered: text, span_start: 0, span_end: text.length })),
  );

/** What a kind says of its cost, with its inputs' contents or with what is expected of them. */
async function costOf(
  kind: string,
  config: RunConfig,
  expected: ReadonlyMap<RunValue, Shape> = new Map(),
): Promise<Cost> {
  const found = await knownCost(kind, config, expected);
  if (found === undefined) throw new Error(`${kind} knows too little`);
  return found;
}

async function knownCost(kind: string, config: RunConfig, expected: ReadonlyMap<RunValue, Shape>) {
  const spec = STEP_KINDS.get(kind)!;
  const { cost } = await spec.cost!();
  return cost({ config: withDefaults(spec.config, config), expected: (input) => expected.get(input) });
}

async function tensorOf(states: string) {
  const { tensors } = await openSafetensors(path.join(states, 'states.safetensors'));
  const { shape, dtype } = tensors.get('hidden_states')!;
  return { shape, bytes: shape.reduce((a, b) => a * b, 1) * (dtype === 'F32' ? 4 : 2) };
}

describe('the size of a model', () => {
  it('is read from its configuration and the headers of its weights', async () => {
    // Blocks of a Llama: attention d·4d (as many key heads as heads), three layers d·w, two norms; the table is shared.
    const [d, wide, blocks, vocabulary] = [48, 112, 4, 640];
    const body = blocks * (4 * d * d + 3 * d * wide + 2 * d) + d;
    expect(await modelSize(folder)).toEqual({
      parameters: body + d * vocabulary,
      // In bfloat16.
      stored: 2 * (body + d * vocabulary),
      body,
      head: d * vocabulary,
      added: 0,
      layers: blocks,
      width: d,
      vocabulary,
      cache: 2 * blocks * d,
    });
  });
  it('counts of experts, one by one or stacked, those that a token has, and the shared ones whole', async () => {
    const shapes = {
      'model.embed_tokens.weight': [8, 4],
      'model.layers.0.block_sparse_moe.input_linear.weight': [4, 6, 4],
      ...Object.fromEntries([0, 1, 2, 3].map((e) => [`model.layers.1.mlp.experts.${e}.up_proj.weight`, [6, 4]])),
      'model.layers.1.mlp.shared_experts.up_proj.weight': [6, 4],
    };
    const tensors = Object.entries(shapes).map(([name, shape]) => {
      const data = new Float32Array(shape.reduce((a, b) => a * b));
      return [name, { dtype: 'F32', shape, data }] as const;
    });
    const mixture = path.join(work.folder, 'mixture');
    await mkdir(mixture);
    await writeSafetensors(path.join(mixture, 'model.safetensors'), Object.fromEntries(tensors));
    const config = { hidden_size: 4, vocab_size: 8, num_hidden_layers: 2, moe_num_experts: 4, moe_k: 1 };
    await writeFile(path.join(mixture, 'config.json'), JSON.stringify(config));
    expect(await modelSize(mixture)).toMatchObject({ parameters: 32 + 9 * 24, body: 3 * 24, head: 32 });
  });
  it('has the numbers of an adapter beside it, which take memory and work of their own', async () => {
    const adapter = resolveEmbedded('parlour-rude-detox').path;
    const { tensors } = await openSafetensors(path.join(adapter, 'adapter_model.safetensors'));
    const numbers = [...tensors.values()].reduce((sum, { shape }) => sum + shape[0]! * shape[1]!, 0);
    expect(numbers).toBeGreaterThan(0);
    expect(await modelSize(folder, adapter)).toEqual({ ...(await modelSize(folder)), added: numbers });
    const config = { prompts: await promptsOf(TEXTS), num_return_sequences: 3, max_new_tokens: 5 };
    const without = await costOf('text/generate', { ...config, model });
    const adapted = await costOf('text/generate', {
      ...config,
      model: { ref: model, adapter: artifact('model', adapter) },
    });
    expect(adapted.memory! - without.memory!).toBeCloseTo(1.3 * 4 * numbers, 3);
    expect(adapted.flops!).toBeGreaterThan(without.flops!);
  });
});

describe('the estimate of', () => {
  it('text/generate has the rows, and the bytes of the states, that are then written', async () => {
    const prompts = await promptsOf(TEXTS);
    const config = {
      model,
      prompts,
      num_return_sequences: 3,
      max_new_tokens: 5,
      capture: { layers: 'all', pool: ['prompt', 'continuation', 'last'], sites: ['residual'], dtype: 'float16' },
    };
    const said = await costOf('text/generate', config);
    const ran = await runStep('text/generate', work.folder, config);
    const written = await ran.rows('continuations');
    expect(said.rows).toBe(written.length);
    expect(said.outputs.continuations!.rows).toBe(written.length);
    const states = await tensorOf(ran.path('states'));
    expect(said.outputs.states).toMatchObject({
      rows: states.shape[0],
      layers: states.shape[1],
      width: states.shape[2],
    });
    expect(said.outputs.states!.bytes).toBe(states.bytes);
    // As many tokens as there can be, which a text may end before.
    const tokens = written.reduce((sum, { token_ids }) => sum + (token_ids as unknown[]).length, 0);
    expect(tokens).toBeLessThanOrEqual(written.length * 5);
    expect(tokens).toBeGreaterThan(written.length * 2.5);
  });

  it('reads what many tasks read once', async () => {
    const prompts = await promptsOf(TEXTS);
    const config = { model, prompts, num_return_sequences: 3 };
    const said = await costOf('text/generate', config);
    await rm((prompts as { path: string }).path);
    expect(await costOf('text/generate', { ...config, seed: 1 })).toEqual(said);
  });

  it('activations/capture likewise, of continuations that are not there yet too', async () => {
    const prompts = await promptsOf(TEXTS);
    const ran = await runStep('text/generate', work.folder, {
      model,
      prompts,
      num_return_sequences: 2,
      max_new_tokens: 4,
    });
    const here = artifact('table', ran.path('continuations'));
    const config = { model, prompts, layers: [0, 2], pool: ['prompt', 'continuation'], sites: ['residual'] };
    const said = await costOf('activations/capture', { ...config, continuations: here });
    const captured = await runStep('activations/capture', work.folder, { ...config, continuations: here });
    const states = await tensorOf(captured.path('states'));
    expect(said.outputs.states).toMatchObject({ rows: states.shape[0], layers: 2, bytes: states.bytes });
    const absent = artifact('table', '');
    const guess = new Map([[absent, { rows: 8, characters: 16 }]]);
    const unseen = await costOf('activations/capture', { ...config, continuations: absent }, guess);
    expect(unseen.outputs.states).toEqual(said.outputs.states);
  });

  it('a model’s work is two operations a weight and token, and what attention and the head add', async () => {
    const prompts = await promptsOf(['x'.repeat(36)]);
    const config = { model, prompts, num_return_sequences: 2, max_new_tokens: 10 };
    const { body, head } = await modelSize(folder);
    const [read, written] = [36 / 4 + 1, 20];
    const attention = 4 * 4 * 48 * (read * read + written * (read + 5));
    expect((await costOf('text/generate', config)).flops).toBeCloseTo(
      2 * body * (read + written) + 2 * head * written + attention,
      3,
    );
    const twice = await costOf('text/generate', { ...config, num_return_sequences: 4 });
    expect(twice.rows).toBe(4);
  });

  it('tokens of a text is within a half of what a tokenizer of English makes of it', async () => {
    const tokenizer = await openTokenizer(folder);
    for (const text of TEXTS.slice(0, 3)) {
      const tokens = tokenizer.encode(text).length;
      expect((text.length / 4 + 1) / tokens).toBeGreaterThan(0.5);
      expect((text.length / 4 + 1) / tokens).toBeLessThan(2);
    }
  });

  it('prompts/sample has as many rows as are asked for, and no more than there are', async () => {
    const source = await tableArtifact(
      work.folder,
      TEXTS.map((text) => ({ text })),
    );
    expect((await costOf('prompts/sample', { source, count: 3 })).outputs.prompts).toMatchObject({ rows: 3 });
    expect((await costOf('prompts/sample', { source, count: 99 })).outputs.prompts).toMatchObject({ rows: 4 });
    expect((await costOf('prompts/sample', { source, count: 'all' })).outputs.prompts).toMatchObject({ rows: 4 });
  });

  it('text/score grows with the texts, and far more where each is sent elsewhere', async () => {
    const texts = (rows: number) => new Map([[absent, { rows, characters: 80 }]]);
    const absent = artifact('table', '');
    const here = { scorer: artifact('scorer', resolveEmbedded('toxicity').path), texts: absent };
    const away = { scorer: { kind: 'perspective' }, texts: absent };
    const [one, two] = [await costOf('text/score', here, texts(1000)), await costOf('text/score', here, texts(2000))];
    expect(two.outputs.scores!.rows).toBe(2000);
    expect(two.other).toBeGreaterThan(one.other);
    expect((await costOf('text/score', away, texts(1000))).other).toBeGreaterThan(100 * one.other);
  });

  it('table/import has the rows of its file', async () => {
    const source = await promptsOf(TEXTS);
    expect((await costOf('table/import', { source })).outputs.table).toMatchObject({ rows: 4 });
  });

  it('what reads the work of a program that does not say how much it makes is not known', async () => {
    const [table, states] = [artifact('table', ''), artifact('tensors', '')];
    const [prompts, nothing] = [await promptsOf(TEXTS), new Map([[table, {}]])];
    const known = (kind: string, config: RunConfig) => knownCost(kind, config, nothing);
    expect(await known('probe/train', { states, prompts })).toBeUndefined();
    expect(await known('text/generate', { model, prompts: table })).toBeUndefined();
    expect(await known('activations/capture', { model, prompts, continuations: table })).toBeUndefined();
    const scorer = artifact('scorer', resolveEmbedded('toxicity').path);
    expect(await known('text/score', { scorer, texts: table })).toBeUndefined();
    expect(await known('prompts/sample', { source: table, count: 'all' })).toBeUndefined();
    // Of so many prompts there are no more.
    expect((await known('prompts/sample', { source: table, count: 7 }))!.rows).toBe(7);
  });
});
