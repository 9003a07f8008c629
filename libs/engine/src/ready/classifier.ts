import { UserError } from '@sonde/base';
import type { DataFile, LocalFolder } from '@sonde/checkpoints';
import { type Classifier, type Features, readLabels } from '@sonde/networks';
import type { Graph, OnnxModel, ValueInfo } from '@sonde/onnx';
import type { InferenceSession } from 'onnxruntime-node';
import type { Provider } from '../session/providers.ts';
import { padTokens } from '../whole.ts';
import { readReady } from './read.ts';
import { sessionOf } from './session.ts';

/** A ready graph of a sequence classifier, as `openClassifier` goes on with it. */
export interface ReadyClassifier {
  readonly architecture: string;
  readonly head: Pick<Classifier, 'labels' | 'problem'>;
  readonly sizes: {
    readonly layers: number;
    readonly hiddenSize: number;
    readonly vocabSize: number;
    readonly maxPositions: number;
  };
  readonly parameters: number;
  /** @throws UserError: nothing inside a graph made elsewhere is read or changed */
  check(features: Features): void;
  open(provider: Provider, threads: number): Promise<ReadyClassifierEngine>;
}

/** Runs it: logits [sequences, labels]. */
export interface ReadyClassifierEngine {
  logits(sequences: readonly (readonly number[])[]): Promise<Float32Array>;
  release(): Promise<void>;
}

const TOKENS = 'input_ids';
const MASK = 'attention_mask';
const TYPES = 'token_type_ids';
const LOGITS = 'logits';
const KNOWN = [TOKENS, MASK, TYPES];

/** What turns activations into integers by the range of all that is run together: sequences are not apart there. */
const BY_BATCH = /^(DynamicQuantize|MatMulIntegerToFloat$)/;

/** Classes whose positions are counted from the padding token's number on. */
const COUNTS_FROM_PADDING = /roberta|camembert|xlm|longformer/;

/**
 * Opens the ready graph of a classifier's folder; null if it has none.
 * @throws UserError if it is not that of a sequence classifier, saying what was found in it
 */
export async function openReadyClassifier(folder: LocalFolder): Promise<ReadyClassifier | null> {
  const read = await readReady(folder);
  if (read === null) return null;
  const { path, model, files, fields, architecture } = read;
  const head = readLabels(fields);
  const io = readInterface(model.graph, head.labels.length, path);
  const positions = fields.count('max_position_embeddings', 512);
  const taken = COUNTS_FROM_PADDING.test(fields.text('model_type', '')) ? (head.padding ?? 1) + 1 : 0;
  return {
    architecture,
    head,
    sizes: {
      layers: fields.count(fields.has('n_layers') ? 'n_layers' : 'num_hidden_layers', 1),
      hiddenSize: fields.count(fields.has('dim') ? 'dim' : 'hidden_size', 1),
      vocabSize: fields.count('vocab_size'),
      maxPositions: Math.max(1, positions - taken),
    },
    parameters: model.graph.initializers.reduce((sum, { dims }) => sum + dims.reduce((a, b) => a * b, 1), 0),
    check({ sites, edits, maximum }) {
      if (sites.length === 0 && Object.keys(edits).length === 0 && !maximum) return;
      throw new UserError(
        'model',
        `${path} is a ready graph, inside which nothing is read or changed; use the classifier's safetensors checkpoint.`,
      );
    },
    open: (provider, threads) => openEngine(model, files, io, head.padding ?? 0, path, provider, threads),
  };
}

/** The inputs that it has, and its logits. */
interface Interface {
  readonly inputs: readonly ValueInfo[];
  readonly logits: ValueInfo;
}

function readInterface({ inputs, outputs, initializers }: Graph, labels: number, path: string): Interface {
  const weights = new Set(initializers.map(({ name }) => name));
  const fed = inputs.filter(({ name }) => !weights.has(name));
  const fail = (what: string): never => {
    throw new UserError('model', `${path} cannot be used as a classifier: ${what}.`);
  };
  const strange = fed.find(({ name }) => !KNOWN.includes(name));
  if (strange) fail(`it has an input ${strange.name}; known are ${KNOWN.join(', ')}`);
  if (!fed.some(({ name }) => name === TOKENS)) fail(`it has no input ${TOKENS}`);
  const logits =
    outputs.find(({ name }) => name === LOGITS) ??
    fail(`it has no output ${LOGITS}, but ${outputs.map(({ name }) => name).join(', ')}`);
  const { dims } = logits;
  if (dims && dims.length !== 2) fail(`its ${LOGITS} have ${dims.length} dimensions; [sequences, labels] was expected`);
  const width = dims?.[1];
  if (typeof width === 'number' && width !== labels)
    fail(`it has ${width} ${LOGITS}, and config.json ${labels} labels`);
  return { inputs: fed, logits };
}

async function openEngine(
  model: OnnxModel,
  files: readonly DataFile[],
  { inputs, logits }: Interface,
  padding: number,
  path: string,
  provider: Provider,
  threads: number,
): Promise<ReadyClassifierEngine> {
  const cast = inFloat32(model, logits);
  let session: InferenceSession;
  try {
    session = await sessionOf(cast.model, files, provider, threads);
  } catch (error) {
    throw new UserError('model', `${path} cannot be used as a classifier: ONNX Runtime refuses it: ${String(error)}`);
  }
  const { Tensor } = await import('onnxruntime-node');
  const run = async (sequences: readonly (readonly number[])[]): Promise<Float32Array> => {
    const { tokens, inputIds } = padTokens(sequences);
    const mask = new Int32Array(inputIds.length);
    sequences.forEach((ids, row) => {
      mask.fill(1, row * tokens, row * tokens + ids.length);
      inputIds.fill(padding, row * tokens + ids.length, (row + 1) * tokens);
    });
    const values: Readonly<Record<string, Int32Array>> = {
      [TOKENS]: inputIds,
      [MASK]: mask,
      [TYPES]: new Int32Array(inputIds.length),
    };
    const feeds = inputs.map(({ name, dataType }) => {
      const numbers = values[name]!;
      const dims = [sequences.length, tokens];
      const tensor =
        dataType === 'int32'
          ? new Tensor('int32', numbers, dims)
          : new Tensor('int64', BigInt64Array.from(numbers, BigInt), dims);
      return [name, tensor] as const;
    });
    const out = await session.run(Object.fromEntries(feeds));
    return out[cast.name]!.data as Float32Array;
  };
  const apart =
    !inputs.some(({ name }) => name === MASK) || model.graph.nodes.some(({ opType }) => BY_BATCH.test(opType));
  return {
    release: () => session.release(),
    async logits(sequences) {
      if (!apart) return run(sequences);
      const rows: Float32Array[] = [];
      for (const ids of sequences) rows.push(await run([ids]));
      return Float32Array.from(rows.flatMap((row) => [...row]));
    },
  };
}

/** The same graph with logits in float32. */
function inFloat32(
  model: OnnxModel,
  { name, dataType }: ValueInfo,
): { readonly model: OnnxModel; readonly name: string } {
  if (dataType === 'float32') return { model, name };
  const { graph } = model;
  const cast = 'sonde.logits';
  const node = {
    opType: 'Cast',
    domain: '',
    name: cast,
    inputs: [name],
    outputs: [cast],
    attributes: { to: { kind: 'int', value: 1 } },
  } as const;
  const outputs = [...graph.outputs, { name: cast, dataType: 'float32' as const }];
  return { model: { ...model, graph: { ...graph, nodes: [...graph.nodes, node], outputs } }, name: cast };
}
