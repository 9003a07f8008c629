import path from 'node:path';
import { resolveEmbedded } from '@sonde/embedded';
import type { InputArtifact, RunConfig } from '@sonde/executor';
import { readTable, rows as tableRows } from '@sonde/tables';
import { openSafetensors, readFloat32, writeSafetensors } from '@sonde/tensors';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { artifact, runStep, type StepRun, tableArtifact, temporaryFolder } from './harness.ts';

const model = artifact('model', resolveEmbedded('parlour-base').path);
const TEXTS = ['The old man was', 'You are a', 'She said that the'];
const SIZE = 48;
const LAYERS = 5;

let folder: string;
let remove: () => Promise<void>;
let prompts: InputArtifact;

const promptTable = (texts: readonly string[]): Promise<InputArtifact> =>
  tableArtifact(
    folder,
    texts.map((rendered, i) => ({ prompt_id: `p${i}`, rendered, span_start: 0, span_end: rendered.length })),
  );

beforeAll(async () => {
  ({ folder, remove } = await temporaryFolder());
  prompts = await promptTable(TEXTS);
});
afterAll(() => remove());

const capture = (config: RunConfig = {}): Promise<StepRun> =>
  runStep('activations/capture', folder, { model, prompts, pool: ['prompt'], ...config });

const open = (run: StepRun) => openSafetensors(path.join(run.path('states'), 'states.safetensors'));
const numbers = async (run: StepRun, name = 'hidden_states'): Promise<Float32Array> =>
  (await readFloat32(await open(run), name)).data;
const index = async (run: StepRun) => tableRows(await readTable(path.join(run.path('states'), 'index.parquet')));
const states = (run: StepRun): InputArtifact => artifact('tensors', run.path('states'));

const tensorFile = async (name: string, data: Float32Array, shape: number[]): Promise<InputArtifact> => {
  const file = path.join(folder, `${name}.safetensors`);
  await writeSafetensors(file, { direction: { dtype: 'F32', shape, data } });
  return artifact('tensors', file);
};

/** The state of a row and layer of hidden_states. */
const stateOf = (data: Float32Array, row: number, layer: number): Float32Array =>
  data.subarray((row * LAYERS + layer) * SIZE, (row * LAYERS + layer + 1) * SIZE);

const largest = (a: Float32Array, b: Float32Array): number =>
  a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);

describe('captured sites', () => {
  it('come as a tensor each, beside one row index', async () => {
    const run = await capture({ sites: ['residual', 'residual_raw', 'attention', 'mlp', 'heads'], layers: [0, 2, 4] });
    const { tensors, metadata } = await open(run);
    expect(Object.fromEntries([...tensors].map(([name, { shape }]) => [name, shape]))).toEqual({
      hidden_states: [3, 3, SIZE],
      residual_raw: [3, 3, SIZE],
      attention: [3, 2, SIZE],
      mlp: [3, 2, SIZE],
      heads: [3, 2, 4, SIZE / 4],
    });
    expect(metadata).toMatchObject({ layers: '[0,2,4]', 'layers.attention': '[2,4]', dtype: 'float32' });
    expect(await index(run)).toEqual(
      ['p0', 'p1', 'p2'].map((prompt_id) => ({ prompt_id, sample: null, span: 'prompt' })),
    );
  });

  it('add up: the stream after a block is that before it, and what attention and MLP add', async () => {
    const run = await capture({ sites: ['residual_raw', 'attention', 'mlp'] });
    const [stream, attention, mlp] = [
      await numbers(run, 'residual_raw'),
      await numbers(run, 'attention'),
      await numbers(run, 'mlp'),
    ];
    for (let row = 0; row < 3; row++) {
      for (let layer = 1; layer < LAYERS; layer++) {
        const at = (row * (LAYERS - 1) + layer - 1) * SIZE;
        const sum = stateOf(stream, row, layer - 1).map((value, i) => value + attention[at + i]! + mlp[at + i]!);
        expect(largest(sum, stateOf(stream, row, layer))).toBeLessThan(1e-5);
      }
    }
  });

  it('can be probed', async () => {
    const many = Array.from({ length: 12 }, (_, i) => `${TEXTS[i % 3]} ${'very '.repeat(i)}`);
    const table = await tableArtifact(
      folder,
      many.map((rendered, i) => ({
        prompt_id: `p${i}`,
        text: rendered,
        rendered,
        span_start: 0,
        span_end: rendered.length,
        'score.TOXICITY': i / 12,
      })),
    );
    const run = await runStep('activations/capture', folder, {
      model,
      prompts: table,
      pool: ['prompt'],
      sites: ['heads'],
    });
    const probed = await runStep('probe/train', folder, {
      states: states(run),
      site: 'heads',
      prompts: table,
      folds: 2,
      baselines: [],
      penalties: [1],
    });
    const file = await openSafetensors(probed.path('weights'));
    expect(file.tensors.get('input.weights')!.shape).toEqual([4, 2, SIZE]);
    expect(file.metadata).toMatchObject({ layers: '[1,2,3,4]', site: 'heads' });
    await expect(runStep('probe/train', folder, { states: states(run), prompts: table, folds: 2 })).rejects.toThrow(
      'the states have no site residual; they have heads',
    );
  });
});

describe('the states of every token', () => {
  it('are rows with a position, in order of prompt and position; their mean is the pooled state', async () => {
    const run = await capture({ pool: ['prompt', 'tokens'] });
    const found = await index(run);
    const tokens = found.filter(({ position }) => position !== null);
    expect(tokens[0]).toEqual({ prompt_id: 'p0', sample: null, span: 'context', position: 0 });
    const ordered = [...tokens].sort(
      (a, b) => String(a.prompt_id).localeCompare(String(b.prompt_id)) || Number(a.position) - Number(b.position),
    );
    expect(tokens).toEqual(ordered);
    const data = await numbers(run);
    const own = found.flatMap(({ prompt_id, span, position }, row) =>
      prompt_id === 'p1' && span === 'prompt' && position !== null ? [row] : [],
    );
    const mean = Float32Array.from({ length: LAYERS * SIZE }, (_, i) =>
      own.reduce((sum, row) => sum + data[row * LAYERS * SIZE + i]! / own.length, 0),
    );
    expect(largest(mean, data.subarray(LAYERS * SIZE, 2 * LAYERS * SIZE))).toBeLessThan(1e-5);
  });

  it('are the same while generating and by teacher forcing', async () => {
    const generated = await runStep('text/generate', folder, {
      model,
      prompts,
      num_return_sequences: 2,
      max_new_tokens: 6,
      capture: { layers: [1, 4], pool: ['tokens'] },
    });
    const forced = await capture({
      continuations: artifact('table', generated.path('continuations')),
      layers: [1, 4],
      pool: ['tokens'],
    });
    expect(await index(forced)).toEqual(await index(generated));
    expect(largest(await numbers(generated), await numbers(forced))).toBeLessThan(1e-4);
  });
});

describe('states stored in half precision', () => {
  it.each([
    ['float16', 'F16', 2 ** -11],
    ['bfloat16', 'BF16', 2 ** -8],
  ] as const)('%s: half the size, each number within its rounding', async (dtype, stored, error) => {
    const [whole, half] = [await capture(), await capture({ dtype })];
    const file = await open(half);
    expect(file.tensors.get('hidden_states')!.dtype).toBe(stored);
    expect(file.metadata.dtype).toBe(dtype);
    const [exact, rounded] = [await numbers(whole), await numbers(half)];
    exact.forEach((value, i) => {
      expect(Math.abs(rounded[i]! - value)).toBeLessThanOrEqual(error * Math.abs(value) + 1e-7);
    });
  });

  it('float16 refuses a number that it cannot hold', async () => {
    const from = await tensorFile('huge', new Float32Array(SIZE).fill(1e5), [SIZE]);
    const interventions = [{ kind: 'add', layers: [1], from }];
    await expect(capture({ dtype: 'float16', interventions })).rejects.toThrow('which float16 cannot store');
    expect((await open(await capture({ dtype: 'bfloat16', interventions }))).tensors.size).toBe(1);
  });
});

describe('interventions with vectors from artifacts', () => {
  const unit = new Float32Array(SIZE).fill(1 / Math.sqrt(SIZE));
  const along = (state: Float32Array): number => state.reduce((sum, value, i) => sum + value * unit[i]!, 0);
  const changed = async (...interventions: RunConfig[]): Promise<Float32Array> =>
    numbers(await capture({ interventions, sites: ['residual_raw'] }), 'residual_raw');

  it('add a vector of a safetensors file, so many times', async () => {
    const from = await tensorFile('unit', unit, [SIZE]);
    const [before, after] = [await changed(), await changed({ kind: 'add', layers: [1], from, scale: 3 })];
    expect(stateOf(after, 0, 1)).toEqual(stateOf(before, 0, 1));
    expect(along(stateOf(after, 0, 2)) - along(stateOf(before, 0, 2))).toBeCloseTo(3, 4);
  });

  it('erase the direction of a probe in the next step', async () => {
    const file = path.join(folder, 'probe.safetensors');
    const weights = new Float64Array(LAYERS * 2 * SIZE);
    for (let layer = 0; layer < LAYERS; layer++) weights.set(unit, (layer * 2 + 1) * SIZE);
    await writeSafetensors(
      file,
      { 'input.weights': { dtype: 'F64', shape: [LAYERS, 2, SIZE], data: weights } },
      { layers: '[0,1,2,3,4]', targets: '{"input":["INSULT","TOXICITY"]}', site: 'residual_raw' },
    );
    const from = artifact('tensors', file);
    const after = await changed({ kind: 'erase', layers: [0, 3], from, targets: ['TOXICITY'] });
    expect(Math.abs(along(stateOf(after, 1, 1)))).toBeLessThan(1e-5);
    expect(Math.abs(along(stateOf(after, 1, 4)))).toBeLessThan(1e-5);
    expect(Math.abs(along(stateOf(after, 1, 2)))).toBeGreaterThan(1e-3);
    await expect(changed({ kind: 'erase', layers: [0], from })).rejects.toThrow(
      'the probe for INSULT in layer 1 could not be fitted',
    );
  });

  it('steer by the difference of two means', async () => {
    const others = await runStep('activations/capture', folder, {
      model,
      prompts: await promptTable(['They went to', 'It is']),
      pool: ['prompt'],
    });
    const [own, other] = [await capture(), others];
    const after = await changed({ kind: 'add', layers: [0], from: states(own), minus: states(other) });
    const [before, a, b] = [await changed(), await numbers(own), await numbers(other)];
    const mean = (data: Float32Array, n: number): Float32Array =>
      Float32Array.from({ length: SIZE }, (_, i) =>
        Array.from({ length: n }, (__, row) => stateOf(data, row, 1)[i]! / n).reduce((x, y) => x + y, 0),
      );
    const difference = mean(a, 3).map((value, i) => value - mean(b, 2)[i]!);
    const expected = stateOf(before, 2, 1).map((value, i) => value + difference[i]!);
    expect(largest(stateOf(after, 2, 1), expected)).toBeLessThan(1e-5);
  });

  it('put the mean of captured states in place of what an MLP adds', async () => {
    const own = await capture({ sites: ['mlp'] });
    const after = await capture({
      sites: ['mlp'],
      interventions: [{ kind: 'mean_ablation', site: 'mlp', layers: [2], from: states(own) }],
    });
    const [before, ablated] = [await numbers(own, 'mlp'), await numbers(after, 'mlp')];
    const mean = Float32Array.from(
      { length: SIZE },
      (_, i) => [0, 1, 2].reduce((sum, row) => sum + before[(row * 4 + 2) * SIZE + i]!, 0) / 3,
    );
    for (const row of [0, 1, 2]) {
      const at = (row * 4 + 2) * SIZE;
      expect(largest(ablated.slice(at, at + SIZE), mean)).toBeLessThan(1e-5);
    }
  });

  it('replace states by those of another run of the same prompts', async () => {
    const rude = artifact('model', resolveEmbedded('parlour-rude').path);
    const source = { pool: ['tokens'], sites: ['residual_raw'] };
    const other = await runStep('activations/capture', folder, { model: rude, prompts, ...source });
    const replaced = await changed({ kind: 'replace', layers: [3], from: states(other) });
    const expected = await numbers(
      await runStep('activations/capture', folder, { model: rude, prompts, pool: ['prompt'], sites: ['residual_raw'] }),
      'residual_raw',
    );
    for (const row of [0, 1, 2]) {
      expect(largest(stateOf(replaced, row, 4), stateOf(expected, row, 4))).toBeLessThan(1e-5);
    }
    await expect(changed({ kind: 'replace', layers: [3], from: states(await capture()) })).rejects.toThrow(
      'has pooled states only; capture them with `pool: [tokens]`',
    );
  });

  it('do not take states after the final norm for those of the last block', async () => {
    const from = states(await capture());
    await expect(changed({ kind: 'erase', layers: [3], from })).rejects.toThrow(
      'block 3 is the last one, whose residual states are stored after the final norm; capture the site residual_raw',
    );
    await expect(changed({ kind: 'erase', layers: [4], from })).rejects.toThrow('the model has blocks 0 to 3');
  });

  it('say what is wrong with a tensor', async () => {
    const short = await tensorFile('short', new Float32Array(7).fill(1), [7]);
    await expect(changed({ kind: 'add', layers: [0], from: short })).rejects.toThrow(
      "a vector has 7 numbers; the model's residual states have 48",
    );
    const many = await tensorFile('many', new Float32Array(3 * SIZE).fill(1), [3, SIZE]);
    await expect(changed({ kind: 'add', layers: [0, 1], from: many })).rejects.toThrow(
      'tensor direction has the shape [3, 48]; expected [size], or a first axis of 2, one for each block',
    );
    await expect(changed({ kind: 'add', layers: [0], from: many, tensor: 'steer' })).rejects.toThrow(
      '`tensor` must say which tensor of `from` is meant: direction',
    );
  });
});
