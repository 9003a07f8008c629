import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isRecord, UserError } from '@sonde/base';
import { adapterNumbers, localFolder, openCheckpoint } from '@sonde/checkpoints';
import { elementCount } from '@sonde/tensors';

/** What of a model decides the cost of running it. */
export interface ModelSize {
  readonly parameters: number;
  /** Bytes of all of them, as they are stored. */
  readonly stored: number;
  /** Multiplied with for each token that is read, and for each token that is predicted beside. */
  readonly body: number;
  readonly head: number;
  /** Numbers of an adapter's weights, which are multiplied with beside the body's. */
  readonly added: number;
  readonly layers: number;
  readonly width: number;
  readonly vocabulary: number;
  /** Numbers of a token's keys and values, in all layers. */
  readonly cache: number;
}

/** The names of weights of which a token has those of its experts alone: each expert's, or a stack of all. */
const OF_EXPERTS = /\.experts\.|block_sparse_moe\.\w+_linear\./;

/** A table of embeddings of tokens for each layer. */
const OF_TOKENS = /embed_tokens_per_layer/;

type Config = Readonly<Record<string, unknown>>;

/** Read from a checkpoint's `config.json` and the headers of its weights and its adapter's. @throws where it is none */
export async function modelSize(folder: string, adapter?: string): Promise<ModelSize> {
  const { config: whole, weights, stored } = await checkpointIn(folder).catch(() => readyModelIn(folder));
  const config = isRecord(whole.text_config) ? (whole.text_config as Config) : whole;
  const width = numberIn(config, ['hidden_size', 'n_embd', 'd_model', 'dim']);
  const layers = numberIn(config, ['num_hidden_layers', 'n_layer', 'n_layers', 'num_layers']);
  const heads = numberIn(config, ['num_attention_heads', 'n_head', 'n_heads']) || 1;
  const vocabulary = numberIn(config, ['vocab_size']);
  const keys = (numberIn(config, ['num_key_value_heads']) || heads) * (numberIn(config, ['head_dim']) || width / heads);
  const experts = numberIn(config, ['num_local_experts', 'num_experts', 'n_routed_experts', 'moe_num_experts']) || 1;
  const chosen = (numberIn(config, ['num_experts_per_tok', 'top_k_experts', 'moe_k', 'moe_topk']) || experts) / experts;
  const head = width * vocabulary;
  let [parameters, body] = [0, 0];
  for (const [name, count] of weights) {
    parameters += count;
    // A table of embeddings is looked up, not multiplied with: once, and once more where the head has its own.
    const isTable = count === head || OF_TOKENS.test(name);
    if (!isTable) body += count * (OF_EXPERTS.test(name) ? chosen : 1);
  }
  return {
    parameters,
    stored,
    body,
    head,
    added: adapter === undefined ? 0 : await adapterNumbers(adapter),
    layers,
    width,
    vocabulary,
    cache: 2 * layers * keys,
  };
}

interface Found {
  readonly config: Config;
  /** Name and number of elements. */
  readonly weights: readonly (readonly [string, number])[];
  /** Bytes of the weights. */
  readonly stored: number;
}

async function checkpointIn(folder: string): Promise<Found> {
  const { config, weights } = await openCheckpoint(await localFolder(folder));
  return {
    config,
    weights: [...weights].map(([name, { info }]) => [name, elementCount(info.shape)] as const),
    stored: [...weights.values()].reduce((sum, { info }) => sum + info.byteLength, 0),
  };
}

/** A graph of another's making: what its files hold, in float32. */
async function readyModelIn(folder: string): Promise<Found> {
  const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')) as Config;
  const names = await readdir(folder, { recursive: true });
  const files = names.filter((name) => /\.onnx(_data)?$|\.onnx\.data$/.test(name));
  if (files.length === 0) throw new UserError('model', `${folder} holds no weights.`);
  const sizes = await Promise.all(files.map((name) => stat(join(folder, name))));
  return {
    config,
    weights: sizes.map(({ size }) => ['', size / 4] as const),
    stored: sizes.reduce((sum, { size }) => sum + size, 0),
  };
}

function numberIn(config: Config, names: readonly string[]): number {
  const found = names.map((name) => config[name]).find((value) => typeof value === 'number');
  return found === undefined ? 0 : Number(found);
}
