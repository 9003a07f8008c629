import { link, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '@sonde/base';
import { listModelFiles, localFolder } from '@sonde/checkpoints';
import { buildGraph, type Graph, type GraphBuilder, type Node } from '@sonde/onnx';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { forward, generate, type Model, openModel } from '../src/index.ts';
import { type ReadyOptions, writeReady } from './ready-graph.ts';
import { relativeError } from './shared.ts';
import { plain, scratch, writeTiny } from './tiny.ts';

let files: Awaited<ReturnType<typeof scratch>>;
/** The same weights as safetensors, and as a ready graph. */
let own: Model;
let plainly: Model;
const open = (folder: string) => openModel(folder, { threads: 1, device: 'cpu' });
beforeAll(async () => {
  files = await scratch();
  own = await open(await writeTiny(files.path('own')));
  plainly = await open(await writeReady(files.path('plain')));
});
afterAll(async () => {
  await own.close();
  await plainly.close();
  await files.remove();
});

async function messageOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(UserError);
  return (error as UserError).message;
}

const ids = [256, 72, 105, 33, 10, 200];

describe('the folder of a ready graph', () => {
  test('has the graph and its external data among its files', async () => {
    const folder = await writeReady(files.path('external'), { external: 'model.onnx_data' });
    expect(await listModelFiles(await localFolder(folder))).toEqual([
      'config.json',
      'generation_config.json',
      'onnx/model.onnx',
      'onnx/model.onnx_data',
      'tokenizer.json',
      'tokenizer_config.json',
    ]);
    const model = await open(folder);
    expect((await forward(model, ids)).logits).toEqual((await forward(plainly, ids)).logits);
    await model.close();
  });

  test('may have its graph beside config.json; safetensors are preferred where there are both', async () => {
    const folder = await writeReady(files.path('beside'), { file: 'model.onnx' });
    expect(await listModelFiles(await localFolder(folder))).toContain('model.onnx');
    await link(join(own.folder, 'model.safetensors'), join(folder, 'model.safetensors'));
    expect(await listModelFiles(await localFolder(folder))).not.toContain('model.onnx');
  });

  test('of several graphs takes model.onnx, and names them where none is that', async () => {
    const folder = await writeReady(files.path('several'), { file: 'onnx/model_q4.onnx' });
    await writeFile(join(folder, 'onnx/model_fp16.onnx'), '');
    expect(await messageOf(listModelFiles(await localFolder(folder)))).toContain(
      'onnx/model_fp16.onnx, onnx/model_q4.onnx',
    );
  });

  test('takes neither dtype nor quantization', async () => {
    for (const option of [{ dtype: 'float16' }, { quantization: 'nf4' }] as const) {
      const opening = openModel(plainly.folder, { threads: 1, device: 'cpu', ...option });
      expect(await messageOf(opening)).toContain("needs the model's safetensors checkpoint");
    }
  });

  test('takes no adapter', async () => {
    const opening = openModel(plainly.folder, { threads: 1, device: 'cpu', adapter: files.path('none') });
    expect(await messageOf(opening)).toContain('an adapter cannot be added');
  });
});

describe('external data outside the folder of the graph', () => {
  const refused = async (name: string, external: string, prepare?: (folder: string) => Promise<void>) => {
    const folder = await writeReady(files.path(name), { external });
    await prepare?.(folder);
    const message = await messageOf(open(folder));
    expect(await messageOf(listModelFiles(await localFolder(folder)))).toBe(message);
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
      relativeError((await forward(model, ids)).hiddenStates, (await forward(own, ids)).hiddenStates),
    ).toBeLessThan(2e-6);
    expect(await messageOf(generate(model, [plain('a', 'Hello')], {}))).toContain('keeps no cache');
    await model.close();
  });
});

describe('a graph that is written otherwise', () => {
  test('and adds attention and MLP at once: blocks are found, and halves of them cannot be bypassed', async () => {
    const model = await open(await writeReady(files.path('parallel'), { style: 'parallel' }));
    const size = ids.length * model.config.hiddenSize;
    expect(model.config.layers).toBe(3);
    const { hiddenStates } = await forward(model, ids, { interventions: [{ kind: 'bypass', layers: [1] }] });
    expect(hiddenStates.slice(2 * size, 3 * size)).toEqual(hiddenStates.slice(size, 2 * size));
    const half = forward(model, ids, { interventions: [{ kind: 'bypass_mlp', layers: [1] }] });
    expect(await messageOf(half)).toContain('attention and MLP of block 1 to the residual stream at once');
    await model.close();
  });

  test('and turns the last states into a shape of their own, or picks the last token, before the head', async () => {
    const insert =
      (build: (g: GraphBuilder, normed: string) => string) =>
      (graph: Graph): Graph => {
        const head = graph.nodes.find(({ outputs }) => outputs.includes('logits'))!;
        const g = buildGraph('inserted', 'inserted.');
        const value = build(g, head.inputs[0]!);
        const { nodes, initializers } = g.finish();
        const changed = { ...head, inputs: [value, head.inputs[1]!] };
        return {
          ...graph,
          nodes: [...graph.nodes.filter((node) => node !== head), ...nodes, changed],
          initializers: [...graph.initializers, ...initializers],
        };
      };
    const reshape = insert((g, normed) => {
      const length = g.node('Gather', [g.node('Shape', ['input_ids']), g.constant([1])], { axis: 0 });
      return g.node('Reshape', [normed, g.node('Concat', [g.constant([-1]), length, g.constant([16])], { axis: 0 })]);
    });
    const last = insert((g, normed) =>
      g.node('Slice', [normed, g.constant([-1]), g.constant([1000]), g.constant([1])]),
    );
    const expected = await forward(plainly, ids);
    for (const [name, change] of Object.entries({ reshape, last })) {
      const model = await open(await writeReady(files.path(name), { change }));
      expect(relativeError((await forward(model, ids)).logits, expected.logits)).toBeLessThan(1e-6);
      await model.close();
    }
  });
});
