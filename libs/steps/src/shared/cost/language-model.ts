import type { Cost } from '@sonde/executor';
import { type ModelInputs, modelInputs } from '../model/engine.ts';
import type { ModelConfig } from '../model/schemas.ts';
import { type ModelSize, modelSize } from './model-size.ts';

/** Characters of a token, about, of English text and the vocabularies of today. */
const CHARACTERS = 4;
/** Of a worker process with ONNX Runtime and a tokenizer, in bytes and seconds. */
const PROCESS = { memory: 250e6, seconds: 0.2 };
/** Around each run of the graph, and for each of its blocks, in seconds. */
const RUN = { seconds: 5e-4, secondsPerBlock: 2.4e-4 };
/** For each weight that is read in, in seconds: half of what it takes, for the next task of a worker finds it loaded. */
const LOAD = 7e-9;
/** For each weight that is cast in a run, where that is done layer by layer, in seconds. */
const CAST = 1.5e-9;
/** For each token that a sequence is given or continued by, and for each number of its logits that is drawn from, in seconds. */
const TOKEN = { seconds: 1.3e-5, secondsPerLogit: 1e-8 };
/** Most tokens of a run over whole sequences, and most sequences decoded together. */
const TOKENS_PER_RUN = 2048;
const ROWS_PER_BATCH = 400;
const BATCH_BYTES = 1.5 * 2 ** 30;

/** What a step has a language model do. */
export interface Reading {
  /** Sequences read from their start, and tokens of each. */
  readonly sequences: number;
  readonly tokens: number;
  /** Of these tokens, so many are predicted too, for their losses. */
  readonly predicted?: number;
  /** Continuations, of so many tokens each. */
  readonly continuations?: number;
  readonly newTokens?: number;
}

export function tokensIn(characters: number | undefined): number {
  return (characters ?? 80) / CHARACTERS + 1;
}

export async function sizeOf(model: ModelConfig): Promise<{ size: ModelSize; inputs: ModelInputs }> {
  const inputs = modelInputs(model);
  return { size: await modelSize(inputs.checkpoint.path, inputs.adapter?.path), inputs };
}

/** The work and the memory of reading and continuing sequences. */
export function readingCost(
  size: ModelSize,
  { quantization, layerwiseCasting = false }: ModelInputs,
  { sequences, tokens, predicted = 0, continuations = 0, newTokens = 0 }: Reading,
): Omit<Cost, 'rows' | 'outputs'> {
  const read = sequences * tokens;
  const written = continuations * newTokens;
  const attention = 4 * size.layers * size.width;
  const flops =
    2 * (size.body + size.added) * (read + written) +
    2 * size.head * (predicted + written) +
    attention * (read * tokens + written * (tokens + newTokens / 2));
  const perSequence = 4 * (size.cache * (tokens + newTokens) + 3 * size.vocabulary);
  const together = Math.max(1, Math.min(ROWS_PER_BATCH, Math.floor(BATCH_BYTES / perSequence)));
  const steps = Math.ceil(continuations / together) * newTokens;
  const runs = Math.ceil(read / TOKENS_PER_RUN) + steps;
  const unquantized = layerwiseCasting ? size.stored / size.parameters : 4;
  const rest = size.parameters - size.body + size.added;
  const held = bytesPerWeight(quantization, unquantized) * size.body + unquantized * rest;
  const cast = layerwiseCasting ? size.head + (quantization === undefined ? size.body : 0) : 0;
  const batch = Math.min(together, Math.max(continuations, 1)) * perSequence;
  const activations = 4 * TOKENS_PER_RUN * (8 * size.width + (predicted > 0 ? size.vocabulary : 0));
  return {
    flops,
    traffic: runs * held + held,
    other:
      PROCESS.seconds +
      size.parameters * LOAD +
      runs * cast * CAST +
      runs * (RUN.seconds + size.layers * RUN.secondsPerBlock) +
      (read + written) * TOKEN.seconds +
      written * size.vocabulary * TOKEN.secondsPerLogit,
    // Weights are read in as they are stored, and laid out anew.
    memory: PROCESS.memory + 1.3 * held + Math.min(BATCH_BYTES, batch) + activations,
  };
}

/** Of a block's weight, as it is held: quantised, or as those that are not. */
function bytesPerWeight(quantization: ModelInputs['quantization'], unquantized: number): number {
  if (quantization === undefined) return unquantized;
  return quantization === 'int8' ? 1.1 : 0.6;
}

/** Bytes of states of so many rows. */
export function statesShape(
  size: ModelSize,
  rows: number,
  { layers, dtype }: { readonly layers: 'all' | readonly number[]; readonly dtype?: string | undefined },
  sites = 1,
) {
  const count = layers === 'all' ? size.layers + 1 : layers.length;
  const bytes = sites * rows * count * size.width * (dtype === undefined || dtype === 'float32' ? 4 : 2);
  return { rows, layers: count, width: size.width, bytes };
}
