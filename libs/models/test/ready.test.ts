import { link, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Graph, Node } from '@sonde/onnx';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  capture,
  forward,
  generate,
  listModelFiles,
  type Model,
  ModelError,
  openModel,
  perplexity,
} from '../src/index.ts';
import { type ReadyOptions, tinyOf, writeReady } from './ready_graph.ts';
import { relativeError } from './shared.ts';
import { plain, scratch, TINY, writeTiny } from './tiny.ts';

const STYLES = ['plain', 'counted', 'fused'] as const;
let files: Awaited<ReturnType<typeof scratch>>;
/** The same weights as safetensors, through the graph built here. */
const owns: Record<string, Model> = {};
const ready: Record<string, Model> = {};
/** About a seventh of the vocabulary ends a text, so that sequences end at different times. */
const eos = Array.from({ length: 40 }, (_, i) => i * 6);
const open = (folder: string) => openModel(folder, { threads: 1, device: 'cpu' });
beforeAll(async () => {
  files = await scratch();
  for (const style of STYLES) {
    owns[style] = await open(await writeTiny(files.path(`own-${style}`), tinyOf(style, { eos })));
    ready[style] = await open(await writeReady(files.path(style), { style, tiny: { eos } }));
  }
});
afterAll(async () => {
  for (const model of [...Object.values(owns), ...Object.values(ready)]) await model.close();
  await files.remove();
});

async function messageOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ModelError);
  return (error as ModelError).message;
}

const prompts = [plain('a', 'Hello there'), plain('b', 'x'), plain('c', 'A somewhat longer prompt')];
const all = { layers: 'all', pool: ['prompt', 'continuation', 'last', 'max'] } as const;
const options = { num_return_sequences: 5, max_new_tokens: 20, top_p: 0.9, seed: 7, capture: all };
const ids = [256, 72, 105, 33, 10, 200];

describe.each(STYLES)('a ready graph (%s)', (style) => {
  test('is described as the checkpoint of the same weights is', () => {
    const { parameters: _, ...config } = ready[style]!.config;
    expect(owns[style]!.config).toMatchObject(config);
  });

  test('gives the states of every layer and the logits that our own graph of its weights gives', async () => {
    const [expected, found] = [await forward(owns[style]!, ids), await forward(ready[style]!, ids)];
    for (const part of ['hiddenStates', 'lastResidual', 'logits'] as const) {
      expect(relativeError(found[part], expected[part])).toBeLessThan(2e-6);
    }
  });

  test.each([
    {},
    { do_sample: false, num_return_sequences: 1 },
    { temperature: 0.7, top_k: 30, repetition_penalty: 1.2 },
  ])('continues prompts with the same tokens, states and log-probabilities as our own graph: %j', async (change) => {
    const expected = await generate(owns[style]!, prompts, { ...options, ...change });
    const found = await generate(ready[style]!, prompts, { ...options, ...change });
    expect(found.continuations.map(({ tokenIds }) => tokenIds)).toEqual(
      expected.continuations.map(({ tokenIds }) => tokenIds),
    );
    expect(new Set(found.continuations.map(({ tokenIds }) => tokenIds.length)).size).toBeGreaterThan(1);
    found.continuations.forEach(({ logprob }, i) => {
      expect(logprob).toBeCloseTo(expected.continuations[i]!.logprob, 3);
    });
    for (const pool of all.pool) {
      expect(relativeError(found.states!.pools[pool]!.data, expected.states!.pools[pool]!.data)).toBeLessThan(1e-5);
    }
  });

  test('draws the same for a prompt alone or among others, with one thread or two', async () => {
    const first = await generate(ready[style]!, prompts, options);
    expect(await generate(ready[style]!, prompts, options)).toEqual(first);
    const two = await openModel(ready[style]!.folder, { threads: 2, device: 'cpu' });
    expect((await generate(two, prompts, options)).continuations).toEqual(first.continuations);
    await two.close();
    for (const [i, prompt] of prompts.entries()) {
      const alone = await generate(ready[style]!, [prompt], options);
      const among = first.continuations.slice(i * 5, i * 5 + 5);
      expect(alone.continuations.map(({ tokenIds }) => tokenIds)).toEqual(among.map(({ tokenIds }) => tokenIds));
    }
  });

  test('captures by teacher forcing what it captured while generating', async () => {
    const { continuations, states } = await generate(ready[style]!, prompts, options);
    const items = continuations.map(({ promptId, tokenIds }) => ({
      prompt: prompts.find(({ id }) => id === promptId)!,
      continuation: { tokenIds },
    }));
    const forced = await capture(ready[style]!, items, all);
    for (const pool of ['continuation', 'last', 'max'] as const) {
      expect(relativeError(states!.pools[pool]!.data, forced.pools[pool]!.data)).toBeLessThan(1e-5);
    }
  });

  test.each(['bypass', 'bypass_attention', 'bypass_mlp'])('%s does what it does in our own graph', async (kind) => {
    const interventions = [{ kind, layers: [0, 2] }];
    const [expected, found] = [
      await forward(owns[style]!, ids, { interventions }),
      await forward(ready[style]!, ids, { interventions }),
    ];
    expect(relativeError(found.hiddenStates, expected.hiddenStates)).toBeLessThan(2e-6);
    expect(relativeError(found.logits, expected.logits)).toBeLessThan(2e-6);
    const size = ids.length * TINY.hiddenSize;
    if (kind === 'bypass') expect(found.hiddenStates.slice(size, 2 * size)).toEqual(found.hiddenStates.slice(0, size));
    const usual = await perplexity(ready[style]!, ['Hello']);
    expect((await perplexity(ready[style]!, ['Hello'], { interventions })).nll).not.toBe(usual.nll);
  });
});

describe('the folder of a ready graph', () => {
  test('has the graph and its external data among its files', async () => {
    const folder = await writeReady(files.path('external'), { external: 'model.onnx_data' });
    expect(await listModelFiles(folder)).toEqual([
      'config.json',
      'generation_config.json',
      'onnx/model.onnx',
      'onnx/model.onnx_data',
      'tokenizer.json',
      'tokenizer_config.json',
    ]);
    const model = await open(folder);
    expect((await forward(model, ids)).logits).toEqual((await forward(ready.plain!, ids)).logits);
    await model.close();
  });

  test('may have its graph beside config.json; safetensors are preferred where there are both', async () => {
    const folder = await writeReady(files.path('beside'), { file: 'model.onnx' });
    expect(await listModelFiles(folder)).toContain('model.onnx');
    await link(join(owns.plain!.folder, 'model.safetensors'), join(folder, 'model.safetensors'));
    expect(await listModelFiles(folder)).not.toContain('model.onnx');
  });

  test('of several graphs takes model.onnx, and names them where none is that', async () => {
    const folder = await writeReady(files.path('several'), { file: 'onnx/model_q4.onnx' });
    await writeFile(join(folder, 'onnx/model_fp16.onnx'), '');
    expect(await messageOf(listModelFiles(folder))).toContain('onnx/model_fp16.onnx, onnx/model_q4.onnx');
  });

  test('takes no adapter', async () => {
    const opening = openModel(ready.plain!.folder, { threads: 1, device: 'cpu', adapter: files.path('none') });
    expect(await messageOf(opening)).toContain('an adapter cannot be added');
  });
});

describe('external data outside the folder of the graph', () => {
  const refused = async (name: string, external: string, prepare?: (folder: string) => Promise<void>) => {
    const folder = await writeReady(files.path(name), { external });
    await prepare?.(folder);
    const message = await messageOf(open(folder));
    expect(await messageOf(listModelFiles(folder))).toBe(message);
    return message;
  };

  test('by an absolute path is refused', async () => {
    expect(await refused('absolute', '/etc/passwd')).toContain('"/etc/passwd", which is not a path inside its folder');
  });

  test('by .. is refused, even if it leads back', async () => {
    expect(await refused('up', '../../secret')).toContain('leads out of its folder');
    expect(await refused('back', '../onnx/model.onnx_data')).toContain('leads out of its folder');
  });

  test('by a symbolic link is refused', async () => {
    const secret = files.path('secret.bin');
    await writeFile(secret, Buffer.alloc(1e6));
    const message = await refused('linked', 'link.bin', (folder) => symlink(secret, join(folder, 'onnx/link.bin')));
    expect(message).toContain('which is a link to');
    const inFolder = await refused('linked-folder', 'sub/secret.bin', (folder) =>
      symlink(files.path('.'), join(folder, 'onnx/sub')),
    );
    expect(inFolder).toContain('which is a link to');
  });

  test('is used where graph and data are both links into one folder, as in a cache of the hub', async () => {
    const blobs = await writeReady(files.path('blobs'), { external: 'model.onnx_data' });
    const folder = await writeReady(files.path('snapshot'), {});
    await rm(join(folder, 'onnx/model.onnx'));
    for (const name of ['model.onnx', 'model.onnx_data']) {
      await symlink(join(blobs, 'onnx', name), join(folder, 'onnx', name));
    }
    await (await open(folder)).close();
  });

  test('that are missing, a folder, or too short are named', async () => {
    expect(await refused('missing', 'nothing.bin')).toContain('"nothing.bin", which is not there');
    const isFolder = await refused('folder', 'sub', async (folder) => {
      await mkdir(join(folder, 'onnx/sub'));
    });
    expect(isFolder).toContain('not a file');
    const short = await refused('short', 'model.onnx_data', (folder) =>
      writeFile(join(folder, 'onnx/model.onnx_data'), 'short'),
    );
    expect(short).toMatch(/needs \d+ bytes; .* which has 5/);
  });
});

describe('a graph that cannot be used says what was found', () => {
  let count = 0;
  const failing = async (change: ReadyOptions['change'], tiny: ReadyOptions['tiny'] = {}): Promise<string> =>
    messageOf(open(await writeReady(files.path(`failing-${count++}`), { ...(change && { change }), tiny })));
  const changeNodes =
    (change: (node: Node) => Node) =>
    (graph: Graph): Graph => ({ ...graph, nodes: graph.nodes.map(change) });

  test('without logits', async () => {
    const message = await failing((graph) => ({
      ...graph,
      outputs: graph.outputs.filter(({ name }) => name !== 'logits'),
    }));
    expect(message).toContain('onnx/model.onnx cannot be used as a model. It has no output "logits"');
  });

  test('with an input of unknown meaning', async () => {
    const input = { name: 'use_cache_branch', dataType: 'bool', dims: [1] } as const;
    const message = await failing((graph) => ({ ...graph, inputs: [...graph.inputs, input] }));
    expect(message).toContain('Its input "use_cache_branch" has no meaning here');
    expect(message).toContain('merged decoder');
  });

  test('with another number of blocks than its configuration says', async () => {
    const message = await failing(undefined, { config: { num_hidden_layers: 4 } });
    expect(message).toContain(
      '6 additions to it were found, with the attention of 3 blocks. But it keeps a cache for 3',
    );
    expect(message).toContain('its configuration says 4');
  });

  test('with a present missing', async () => {
    const message = await failing((graph) => ({
      ...graph,
      outputs: graph.outputs.filter(({ name }) => name !== 'present.1.value'),
    }));
    expect(message).toContain('not a past and a present for each of 3 blocks');
  });

  test('whose blocks do not add to a stream', async () => {
    const message = await failing(changeNodes((node) => (node.opType === 'Add' ? { ...node, opType: 'Mul' } : node)));
    expect(message).toContain('residual stream cannot be recognised: 0 additions to it were found');
  });

  test('that ONNX Runtime refuses', async () => {
    const message = await failing(
      changeNodes((node) => (node.opType === 'Sigmoid' ? { ...node, opType: 'NoSuchThing' } : node)),
    );
    expect(message).toContain('ONNX Runtime refuses it');
    expect(message).toContain('NoSuchThing');
  });

  test('that is no graph', async () => {
    const folder = await writeReady(files.path('text'));
    await writeFile(join(folder, 'onnx/model.onnx'), 'version https://git-lfs.github.com/spec/v1');
    expect(await messageOf(open(folder))).toContain('onnx/model.onnx cannot be read: Not an ONNX model');
  });

  test('that keeps no cache is captured from, and does not generate', async () => {
    const isCache = ({ name }: { name: string }): boolean => /^(past|present)/.test(name);
    const folder = await writeReady(files.path('no-cache'), {
      change: (graph) => ({
        ...graph,
        inputs: graph.inputs.filter((input) => !isCache(input)),
        outputs: graph.outputs.filter((output) => !isCache(output)),
        nodes: graph.nodes.map((node) =>
          node.opType === 'Concat' && isCache({ name: node.inputs[0]! })
            ? { ...node, opType: 'Identity', inputs: [node.inputs[1]!], attributes: {} }
            : node,
        ),
      }),
    });
    const model = await open(folder);
    expect(
      relativeError((await forward(model, ids)).hiddenStates, (await forward(owns.plain!, ids)).hiddenStates),
    ).toBeLessThan(2e-6);
    expect(await messageOf(generate(model, prompts, options))).toContain('keeps no cache');
    await model.close();
  });
});
