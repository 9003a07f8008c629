import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openSafetensors } from '@sonde/tensors';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  concatStates,
  openProbeWeights,
  openStates,
  openTokenSpool,
  type SpooledToken,
  type StatesToWrite,
  sitesOf,
  writeProbeWeights,
  writeStates,
} from '../src/index.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'sonde-states-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

let files = 0;
const fresh = (): string => path.join(folder, String(files++));

/** States [n, 2, 3] that tell the row (from `first`) and the layer. */
const tensor = (n: number, first: number) => ({
  shape: [n, 2, 3],
  data: Float32Array.from({ length: n * 6 }, (_, i) => first + Math.floor(i / 6) + (Math.floor(i / 3) % 2) / 2),
});

const ofPrompts = (ids: readonly string[], first = 0): StatesToWrite => ({
  states: {
    residual: { layers: [0, 4], rowShape: [2, 3], pools: { prompt: tensor(ids.length, first) } },
    mlp: { layers: [1, 4], rowShape: [2, 3], pools: { prompt: tensor(ids.length, first + 100) } },
  },
  rowsOf: { prompt: ids.map((promptId) => ({ promptId, sample: null })) },
  dtype: 'float32',
  facts: { model: 'sha256:m' },
});

describe('states', () => {
  it('are found by pool, and read a layer of some rows at a time', async () => {
    const to = fresh();
    const rows = [0, 1].map((sample) => ({ promptId: 'b', sample }));
    const both = ofPrompts(['a', 'b']);
    const pools = { prompt: tensor(2, 0), continuation: tensor(2, 10) };
    const states = { residual: { layers: [0, 4], rowShape: [2, 3], pools } };
    await writeStates(to, { ...both, states, rowsOf: { ...both.rowsOf, continuation: rows } });
    const file = await openStates(to);
    expect(file).toMatchObject({ layers: [0, 4], hiddenSize: 3, tokens: [] });
    expect(file.rowsOf('continuation')).toEqual([
      { row: 2, promptId: 'b', sample: 0 },
      { row: 3, promptId: 'b', sample: 1 },
    ]);
    expect(file.rowsOf('max')).toEqual([]);
    expect([...(await file.layerStates(file.rowsOf('continuation'), 1))]).toEqual([10.5, 10.5, 10.5, 11.5, 11.5, 11.5]);
  });

  it('have a tensor for each site, with its own layers', async () => {
    const to = fresh();
    await writeStates(to, ofPrompts(['a']));
    expect(await sitesOf(to)).toEqual(new Set(['residual', 'mlp']));
    const mlp = await openStates(to, 'mlp');
    expect(mlp.layers).toEqual([1, 4]);
    expect([...(await mlp.layerStates(mlp.rowsOf('prompt'), 0))]).toEqual([100, 100, 100]);
    await expect(openStates(to, 'heads')).rejects.toThrow('the states have no site heads; they have residual, mlp');
    await expect(openStates(folder)).rejects.toThrow('is not an artifact of states: it has no states.safetensors');
  });

  it('of shards, one below the other, are the bytes of all at once', async () => {
    const [first, second, whole, joined] = [fresh(), fresh(), fresh(), fresh()];
    await writeStates(first, ofPrompts(['a', 'b']));
    await writeStates(second, ofPrompts(['c'], 2));
    await writeStates(whole, ofPrompts(['a', 'b', 'c']));
    await concatStates([first, second], joined);
    for (const name of ['states.safetensors', 'index.parquet'])
      expect(await readFile(path.join(joined, name))).toEqual(await readFile(path.join(whole, name)));
  });

  it('that float16 cannot hold are refused, and bfloat16 can', async () => {
    const large = ofPrompts(['a'], 70_000);
    await expect(writeStates(fresh(), { ...large, dtype: 'float16' })).rejects.toThrow(
      'a state at the site residual holds 70000, which float16 cannot store',
    );
    const to = fresh();
    await writeStates(to, { ...large, dtype: 'bfloat16' });
    const { tensors, metadata } = await openSafetensors(path.join(to, 'states.safetensors'));
    expect(tensors.get('hidden_states')?.dtype).toBe('BF16');
    expect(metadata).toMatchObject({ dtype: 'bfloat16', model: 'sha256:m', pooling: '["prompt"]' });
  });
});

describe('the states of single tokens', () => {
  const token = (promptId: string, sample: number | null, position: number): SpooledToken => ({
    promptId,
    sample,
    position,
    span: sample === null ? 'prompt' : 'continuation',
    states: { residual: Float32Array.from({ length: 6 }, () => position + (sample ?? -1) * 10) },
  });

  it('come in one order, whatever order the model gives them in', async () => {
    const spool = openTokenSpool(fresh(), ['b', 'a']);
    const to = fresh();
    try {
      for (const each of [
        token('a', 0, 1),
        token('b', 1, 3),
        token('b', 0, 2),
        token('a', null, 0),
        token('b', null, 0),
      ])
        spool.add(each);
      const states = { residual: { layers: [0, 1], rowShape: [2, 3], pools: {} } };
      await writeStates(to, { states, rowsOf: {}, tokens: spool, dtype: 'float32', facts: {} });
    } finally {
      spool.close();
    }
    const { tokens, layerStates } = await openStates(to);
    expect(tokens.map(({ promptId, sample, position }) => [promptId, sample, position])).toEqual([
      ['b', null, 0],
      ['b', 0, 2],
      ['b', 1, 3],
      ['a', null, 0],
      ['a', 0, 1],
    ]);
    const firsts = (await layerStates(tokens, 1)).filter((_, i) => i % 3 === 0);
    expect([...firsts]).toEqual([-10, 2, 13, -10, 1]);
  });
});

describe('weights of probes', () => {
  it('are read by scenario, target and layer', async () => {
    const to = fresh();
    const probe = (layer: number, target: string, value: number) => ({
      scenario: 'input' as const,
      target,
      layer,
      map: { weights: Float64Array.of(value, -value), intercept: value },
      direction: Float64Array.of(0.6, -0.8),
      meanDifference: null,
    });
    const missing = {
      scenario: 'input' as const,
      target: 'length',
      layer: 2,
      map: null,
      direction: null,
      meanDifference: null,
    };
    await writeProbeWeights(to, [probe(0, 'TOXICITY', 1), probe(0, 'length', 2), probe(2, 'TOXICITY', 3), missing], {
      layers: [0, 2],
      hiddenSize: 2,
      site: 'mlp',
    });
    const probes = (await openProbeWeights(to))!;
    expect(probes).toMatchObject({ layers: [0, 2], site: 'mlp', targets: { input: ['TOXICITY', 'length'] } });
    const vectorOf = await probes.vectors('input');
    expect([...vectorOf('TOXICITY', 1)]).toEqual([3, -3]);
    expect([...vectorOf('length', 0)]).toEqual([2, -2]);
    expect([...vectorOf('length', 1)]).toEqual([0, 0]);
  });

  it('are not taken for other tensors', async () => {
    const to = fresh();
    await writeStates(to, ofPrompts(['a']));
    expect(await openProbeWeights(path.join(to, 'states.safetensors'))).toBeUndefined();
  });
});
