import { UserError } from '@sonde/base';
import {
  type Adapter,
  type Checkpoint,
  checkPrecision,
  hasWeights,
  type LocalFolder,
  localFolder,
  type Precision,
} from '@sonde/checkpoints';
import {
  type DecodingForm,
  describeLanguageModel,
  type Features,
  nextTokenGraph,
  PLAIN,
  requireSites,
  type TrunkSizes,
} from '@sonde/networks';
import { openTokenizer, type Tokenizer } from '@sonde/tokenizers';
import type { Engine } from './engine.ts';
import { generationSettings, tokenIdsOf } from './generation-config.ts';
import { openReady } from './ready/open.ts';
import { growEngine } from './session/grow.ts';
import { createNextTokenEngine } from './session/next-token.ts';
import { graphFormOf, type Placement, placementOf, refusePrecision } from './session/providers.ts';
import { planSession } from './session/session.ts';
import type { ModelConfig, OpenOptions } from './types.ts';
import { countByType, openWeights, type Wanted } from './weights.ts';

/** A loaded checkpoint. Use it from one task at a time. */
export interface Model {
  readonly folder: string;
  readonly config: ModelConfig;
  readonly tokenizer: Tokenizer;
  /** Frees its memory. */
  close(): Promise<void>;
}

/** What the functions of this library know of a model beside its public face. */
export interface Internals {
  readonly checkpoint: Checkpoint;
  /** Numbers in the weights by how they are stored. */
  readonly dtypes: Readonly<Record<string, number>>;
  readonly adapter: Adapter | null;
  readonly precision: Precision;
  readonly decoder: Pick<Opened, 'sizes' | 'check'>;
  /** An engine with these features; built anew only if the one there is lacks one of them. */
  engine(features: Features): Promise<Engine>;
}

const internals = new WeakMap<Model, Internals>();

export function internalsOf(model: Model): Internals {
  const found = internals.get(model);
  if (!found) throw new UserError('model', `The model of ${model.folder} is closed.`);
  return found;
}

function tokenIds(value: unknown): number[] {
  const list = Array.isArray(value) ? value : [value];
  return list.filter((id): id is number => Number.isInteger(id));
}

/** What a folder holds: a checkpoint in safetensors, or a ready graph. */
interface Opened {
  readonly architecture: string;
  readonly checkpoint: Checkpoint;
  readonly dtypes: Readonly<Record<string, number>>;
  readonly adapter: Adapter | null;
  readonly sizes: TrunkSizes;
  /** @throws UserError if no engine of it can have these features */
  check(features: Features): void;
  /** Numbers in the weights. */
  readonly parameters: number;
  /** Whether it shows only when it runs that it can be used: a graph made elsewhere. */
  readonly unproven: boolean;
  build(features: Features): Promise<Engine>;
}

async function openLanguageModel(folder: LocalFolder, wanted: Wanted, placement: Placement): Promise<Opened> {
  const { network, architecture, weights, dtypes } = await openWeights(folder, wanted, describeLanguageModel);
  const plan = (features: Features) =>
    planSession(weights, (source) => nextTokenGraph(network, source, features, graphFormOf(placement)), placement);
  return {
    architecture,
    checkpoint: weights.checkpoint,
    dtypes,
    adapter: weights.adapter,
    sizes: network.trunk.sizes,
    check: (features) => requireSites(network.trunk.sizes, features),
    parameters: plan(PLAIN).parameters,
    unproven: false,
    build: async (features) => createNextTokenEngine(await plan(features).create(), network, features, placement),
  };
}

async function openFolder(folder: string, wanted: Wanted, placement: Placement): Promise<Opened> {
  const { precision, adapter, random } = wanted;
  const local = await localFolder(folder);
  const ready = hasWeights(local) ? null : await openReady(local);
  if (!ready) return openLanguageModel(local, wanted, placement);
  if (random !== null) {
    throw new UserError(
      'model',
      `${folder} holds a ready graph, whose weights run as they are in it; random weights need the model's safetensors checkpoint.`,
    );
  }
  if (adapter !== undefined) {
    throw new UserError(
      'model',
      `${folder} holds a ready graph, to which an adapter cannot be added; use the model's safetensors checkpoint.`,
    );
  }
  const option = (['dtype', 'quantization', 'compute', 'layerwiseCasting'] as const).find((name) => precision[name]);
  if (option) {
    const asked = option === 'layerwiseCasting' ? 'layerwise_casting' : `${option}: ${precision[option]}`;
    throw new UserError(
      'model',
      `${folder} holds a ready graph, which runs as it is; ${asked} needs the model's safetensors checkpoint.`,
    );
  }
  return {
    ...ready,
    dtypes: countByType(ready.weights),
    adapter: null,
    parameters: ready.weights.reduce((sum, [, count]) => sum + count, 0),
    unproven: true,
    build: (features) => ready.build(features, placement.provider, placement.threads),
  };
}

/**
 * Opens a model folder in the hub's layout, with a PEFT LoRA adapter if given: reads and checks all but the weights'
 * numbers, which are loaded when the model first runs. The weights are safetensors, or, where there are none, those of a
 * ready decoder graph (model.onnx, onnx/model.onnx, or the one that genai_config.json names).
 * @throws UserError if something is missing or not supported; UserError if a weight file is damaged
 */
export async function openModel(folder: string, options: OpenOptions): Promise<Model> {
  refusePrecision(placementOf(options).provider, checkPrecision(options));
  return openModelAs(folder, options);
}

/**
 * The same, decoding in the form given, and in any type on any device: for tests and measurements. What the CPU does not
 * compute in 16 bits it computes in float32, and rounds where 16 bits are asked for.
 */
export async function openModelAs(folder: string, options: OpenOptions, form?: DecodingForm): Promise<Model> {
  const placement = placementOf(options, form);
  const precision = checkPrecision(options);
  const random = options.randomWeights?.seed ?? null;
  if (random !== null && options.adapter !== undefined) {
    throw new UserError('model', `An adapter was trained for the weights of ${folder}; it cannot go with random ones.`);
  }
  const wanted = { precision, adapter: options.adapter, random, keep: options.keepQuantized };
  const opened = await openFolder(folder, wanted, placement);
  const { architecture, checkpoint, adapter, sizes } = opened;
  const tokenizer = await openTokenizer(folder);
  const { generationConfig, config } = checkpoint;
  const settings = generationSettings(checkpoint);
  const { layers, hiddenSize, vocabSize, maxPositions } = sizes;
  // Tokens beyond the vocabulary end nothing, and begin nothing.
  const known = (id: number): boolean => id >= 0 && id < vocabSize;
  const eos = tokenIdsOf(settings, 'eos_token_id').filter(known);
  const bos = tokenIds(config.bos_token_id ?? generationConfig?.bos_token_id).find(known) ?? null;

  const engines = growEngine(opened, opened.unproven ? await opened.build(PLAIN) : null);
  const model: Model = {
    folder,
    config: {
      architecture,
      layers,
      hiddenSize,
      vocabSize,
      parameters: opened.parameters,
      maxPositions,
      bosTokenId: bos,
      eosTokenIds: eos,
    },
    tokenizer,
    async close() {
      internals.delete(model);
      await engines.release();
    },
  };
  internals.set(model, {
    checkpoint,
    dtypes: opened.dtypes,
    adapter,
    precision,
    decoder: opened,
    engine: engines.engine,
  });
  return model;
}
