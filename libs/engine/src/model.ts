import { join } from 'node:path';
import { UserError } from '@sonde/base';
import {
  type Adapter,
  type Checkpoint,
  checkPrecision,
  hasWeights,
  openAdapter,
  openCheckpoint,
  type Precision,
} from '@sonde/checkpoints';
import type { DecodingForm } from '@sonde/networks';
import { covers, type DecoderSizes, describeDecoder, type Features, joinFeatures, PLAIN } from '@sonde/networks';
import { elementCount } from '@sonde/tensors';
import { openTokenizer, type Tokenizer } from '@sonde/tokenizers';
import type { Engine } from './engine.ts';
import { openReady } from './ready/open.ts';
import { formOf, isProvider, type Placement, PROVIDERS } from './session/providers.ts';
import { planSession } from './session/session.ts';
import { createEngine } from './session/session-engine.ts';
import type { ModelConfig, OpenOptions } from './types.ts';

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
  readonly sizes: DecoderSizes;
  /** @throws UserError if no engine of it can have these features */
  check(features: Features): void;
  /** Numbers in the weights. */
  readonly parameters: number;
  /** Whether it shows only when it runs that it can be used: a graph made elsewhere. */
  readonly unproven: boolean;
  build(features: Features): Promise<Engine>;
}

/** Sums numbers by type. */
function countByType(counts: readonly (readonly [string, number])[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const [type, count] of counts) sums[type] = (sums[type] ?? 0) + count;
  return sums;
}

async function openWeights(
  folder: string,
  adapterFolder: string | undefined,
  precision: Precision,
  placement: Placement,
): Promise<Opened> {
  const checkpoint = await openCheckpoint(folder);
  const { architecture, decoder } = describeDecoder(folder, checkpoint.config);
  const adapter = adapterFolder === undefined ? null : await openAdapter(adapterFolder);
  const weights = { checkpoint, adapter, precision };
  return {
    architecture,
    checkpoint,
    dtypes: countByType([...checkpoint.weights.values()].map(({ info }) => [info.dtype, elementCount(info.shape)])),
    adapter,
    sizes: decoder.sizes,
    check: () => undefined,
    parameters: planSession(weights, decoder, PLAIN, placement).parameters,
    unproven: false,
    async build(features) {
      const session = await planSession(weights, decoder, features, placement).create();
      return createEngine(session, decoder, features, placement);
    },
  };
}

async function openFolder(
  folder: string,
  adapterFolder: string | undefined,
  precision: Precision,
  placement: Placement,
): Promise<Opened> {
  const ready = (await hasWeights(folder)) ? null : await openReady(folder);
  if (!ready) return openWeights(folder, adapterFolder, precision, placement);
  if (adapterFolder !== undefined) {
    throw new UserError(
      'model',
      `${folder} holds a ready graph, to which an adapter cannot be added; use the model's safetensors checkpoint.`,
    );
  }
  const option = (['dtype', 'quantization'] as const).find((name) => precision[name] !== null);
  if (option) {
    throw new UserError(
      'model',
      `${folder} holds a ready graph, whose weights run as they are in it; ${option}: ${precision[option]} needs the model's safetensors checkpoint.`,
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
export function openModel(folder: string, options: OpenOptions): Promise<Model> {
  return openModelAs(folder, options);
}

/** The same, decoding in the form given: for tests and measurements. */
export async function openModelAs(folder: string, options: OpenOptions, form?: DecodingForm): Promise<Model> {
  const { device, threads } = options;
  if (!isProvider(device)) {
    throw new UserError('model', `There is no device "${device}"; expected one of ${PROVIDERS.join(', ')}.`);
  }
  if (!Number.isInteger(threads) || threads < 1) {
    throw new UserError('model', `threads is ${threads}; expected an integer of 1 or more.`);
  }
  const placement: Placement = { provider: device, threads, decoding: form ?? formOf(device) };
  const precision = checkPrecision(options);
  const opened = await openFolder(folder, options.adapter, precision, placement);
  const { architecture, checkpoint, adapter, sizes } = opened;
  const tokenizer = await openTokenizer(folder);
  const { generationConfig, config } = checkpoint;
  const { layers, hiddenSize, vocabSize, maxPositions } = sizes;
  const eos = tokenIds(generationConfig.eos_token_id);
  const bos = tokenIds(config.bos_token_id ?? generationConfig.bos_token_id)[0] ?? null;
  const outside = [...eos, ...(bos === null ? [] : [bos])].find((id) => id < 0 || id >= vocabSize);
  if (outside !== undefined) {
    throw new UserError(
      'model',
      `${join(folder, 'config.json')}: special token ${outside} is not in a vocabulary of ${vocabSize}.`,
    );
  }

  let engine = opened.unproven ? await opened.build(PLAIN) : null;
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
      eosTokenIds: eos.length > 0 ? eos : tokenIds(config.eos_token_id),
    },
    tokenizer,
    async close() {
      internals.delete(model);
      await engine?.release();
      engine = null;
    },
  };
  internals.set(model, {
    checkpoint,
    dtypes: opened.dtypes,
    adapter,
    precision,
    decoder: opened,
    async engine(features) {
      opened.check(features);
      if (engine && covers(engine.features, features)) return engine;
      const wanted = engine ? joinFeatures(engine.features, features) : features;
      await engine?.release();
      engine = null;
      engine = await opened.build(wanted);
      return engine;
    },
  });
  return model;
}
