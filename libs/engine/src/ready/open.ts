import { UserError } from '@sonde/base';
import type { Checkpoint, Fields, LocalFolder } from '@sonde/checkpoints';
import { causalMask, type Features, noChanges, plainHead, type TrunkSizes } from '@sonde/networks';
import type { Graph } from '@sonde/onnx';
import type { Engine } from '../engine.ts';
import type { Provider } from '../session/providers.ts';
import { createReadyEngine } from './engine.ts';
import { type ReadyInterface, readInterface } from './interface.ts';
import { producersOf, sortNodes } from './nodes.ts';
import { readReady } from './read.ts';
import { exposeSums, findStream, type Stream } from './stream.ts';
import type { ReadyDecoder } from './surgery.ts';

/** A ready graph, as `openModel` goes on with it. */
export interface OpenedReady {
  readonly architecture: string;
  readonly checkpoint: Checkpoint;
  readonly sizes: TrunkSizes;
  /** Type and count of each weight. */
  readonly weights: readonly (readonly [string, number])[];
  check(features: Features): void;
  build(features: Features, provider: Provider, threads: number): Promise<Engine>;
}

/** A beginning of names that no value of a graph has. */
function freePrefix(graph: Graph): string {
  let prefix = 'sonde.';
  const names = [
    ...graph.nodes.flatMap(({ outputs }) => outputs),
    ...[...graph.inputs, ...graph.initializers].map(({ name }) => name),
  ];
  while (names.some((name) => name.startsWith(prefix))) prefix = `_${prefix}`;
  return prefix;
}

/** The first of some names that a configuration has, as a positive integer. */
function countOf(fields: Fields, names: readonly string[]): number | null {
  const name = names.find((candidate) => fields.has(candidate));
  return name === undefined ? null : fields.count(name);
}

/** The size of a state, by the norm or the product that reads the last one. */
function widthByWeights(graph: Graph, stream: Stream): number | null {
  const shapes = new Map(graph.initializers.map(({ name, dims }) => [name, dims]));
  const norm = graph.nodes[producersOf(graph.nodes).get(stream.normed)!]!;
  const scale = norm.inputs.map((name) => shapes.get(name)).find((dims) => dims?.length === 1);
  const product = graph.nodes.find((node) => node.opType === 'MatMul' && node.inputs[0] === stream.normed);
  return scale?.[0] ?? (product ? (shapes.get(product.inputs[1]!)?.[0] ?? null) : null);
}

function sizesOf(graph: Graph, io: ReadyInterface, stream: Stream, config: Fields): TrunkSizes {
  const dim = io.logits.dims?.at(-1);
  const require = (value: number | null, what: string): number => {
    if (value !== null) return value;
    throw new UserError('model', `Neither it nor ${config.where} says ${what}.`);
  };
  return {
    layers: stream.states.length - 1,
    hiddenSize: require(countOf(config, ['hidden_size', 'n_embd', 'd_model']) ??
      widthByWeights(graph, stream), 'how wide its states are (hidden_size)'),
    vocabSize: require(typeof dim === 'number'
      ? dim
      : countOf(config, ['vocab_size']), 'how large its vocabulary is (vocab_size)'),
    maxPositions: require(countOf(config, [
      'max_position_embeddings',
      'n_positions',
      'n_ctx',
      'max_seq_len',
    ]), 'how long a text may be (max_position_embeddings)'),
    // How queries share keys is the graph's own affair.
    heads: io.keyValueHeads,
    keyValueHeads: io.keyValueHeads,
    headSize: io.headSize,
    // A graph with a sliding window keeps to it by itself.
    window: null,
  };
}

/** What a graph made elsewhere does not show where our own do. */
function checkFeatures({ sites, edits }: Features): void {
  const site = [...sites, ...Object.keys(edits)][0];
  if (site === undefined) return;
  throw new UserError(
    'model',
    `In a ready graph only the residual stream can be read and only bypass, bypass_attention and bypass_mlp can be done; for ${site} use the model's safetensors checkpoint.`,
  );
}

/** Names of a window's length in the configurations of Mistral, Phi 3, Gemma; of GPT-Neo. */
const WINDOWS = ['sliding_window', 'window_size'];

function isWindowed(config: Readonly<Record<string, unknown>>): boolean {
  if (config.use_sliding_window === false) return false;
  return (
    WINDOWS.some((name) => typeof config[name] === 'number') ||
    JSON.stringify(config.attention_types ?? '').includes('local')
  );
}

/** Refuses a graph whose parts do not give what they should, before any work is done with it. */
async function tryOut(engine: Engine): Promise<void> {
  await engine.run({
    prompts: 1,
    samples: 1,
    tokens: 2,
    inputIds: new Int32Array(2),
    positions: BigInt64Array.of(0n, 1n),
    mask: causalMask(engine.sizes, 2),
    changes: noChanges(engine.sizes.layers),
    pool: { count: 1, weights: Float32Array.of(1, 1) },
    head: plainHead(Int32Array.of(1)),
  });
}

/**
 * Opens the ready graph of a folder; null if it has none.
 * @throws UserError if the graph cannot be used, saying what was found in it
 */
export async function openReady(folder: LocalFolder): Promise<OpenedReady | null> {
  const read = await readReady(folder);
  if (read === null) return null;
  const { found, path, model, files, fields, architecture } = read;
  const explain = (error: unknown): unknown =>
    error instanceof UserError ? new UserError('model', `${path} cannot be used as a model. ${error.message}`) : error;

  let decoder: ReadyDecoder;
  try {
    const prefix = freePrefix(model.graph);
    const graph = { ...model.graph, nodes: sortNodes(exposeSums(model.graph.nodes, prefix)) };
    const io = readInterface(graph, found.decoder, found.config);
    const stream = findStream(graph, io, countOf(fields, ['num_hidden_layers', 'n_layer', 'num_layers']));
    const sizes = sizesOf(graph, io, stream, fields);
    decoder = { model, graph, io, stream, prefix, sizes, windowed: isWindowed(found.config) };
  } catch (error) {
    throw explain(error);
  }
  const { sizes } = decoder;
  return {
    architecture,
    checkpoint: {
      folder: folder.path,
      config: found.config,
      generationConfig: found.generationConfig,
      weights: new Map(),
    },
    sizes,
    weights: model.graph.initializers.map(({ dataType, dims }) => [
      dataType,
      dims.reduce((product, size) => product * size, 1),
    ]),
    check: checkFeatures,
    async build(features, provider, threads) {
      try {
        const engine = await createReadyEngine(decoder, files, features, provider, threads);
        await tryOut(engine);
        return engine;
      } catch (error) {
        const reason = error instanceof UserError ? error.message : `ONNX Runtime refuses it: ${String(error)}`;
        throw new UserError('model', `${path} cannot be used as a model. ${reason}`);
      }
    },
  };
}
