import type { Fields } from '@sonde/checkpoints';
import type { Value } from '@sonde/onnx';
import type { Parts } from '../graph/parts.ts';
import type { Summary } from '../ports/summary.ts';
import type { RotarySpec } from '../rotary.ts';
import type { TrunkSizes } from '../sizes.ts';

/** A transformer up to its last states: its sizes and how each part is built. Hidden values have shape [tokens, hiddenSize]. */
export interface Trunk {
  readonly sizes: TrunkSizes;
  /** What a token sees: itself and those before it, or all of its sequence. */
  readonly mask: 'causal' | 'full';
  /** Whether each token has a type, which `parts.typeEmbedding` reads. */
  readonly tokenTypes: boolean;
  /** The rotary embeddings that `parts.rotate` may use; none where positions are learned. */
  readonly rotary: readonly RotarySpec[];
  /** How many further blocks a checkpoint may store, for other heads; none if not given. */
  readonly furtherBlocks?: number;
  /** Hidden states of layer 0 from token ids [tokens]. */
  embed(parts: Parts, inputIds: Value): Value;
  /** What each block reads beside the stream, made of token ids and the hidden states of layer 0; nothing if not given. */
  besides?(parts: Parts, inputIds: Value, hidden: Value): readonly Value[];
  /** The residual stream after block `layer` (from 0). @param beside its part of `besides` */
  block(parts: Parts, layer: number, hidden: Value, beside?: Value): Value;
  /** What the head reads; the states themselves where the blocks norm what they give. */
  finalNorm(parts: Parts, hidden: Value): Value;
}

/** Says which token comes next. It alone has caches and the draw. */
export interface NextToken {
  /** Logits [rows, vocabSize] of last states [rows, hiddenSize]. */
  logits(parts: Parts, states: Value): Value;
}

/** Says what a sequence is. */
export interface Classifier {
  /** The names of the labels, by their numbers. */
  readonly labels: readonly string[];
  /** How logits become probabilities; null where config.json does not say. */
  readonly problem: Problem | null;
  /** Which of the last states it reads. */
  readonly summary: Summary;
  /** The token by which texts are padded; null if there is none. */
  readonly padding: number | null;
  /** Logits [sequences, labels] of summaries [sequences, hiddenSize]. */
  logits(parts: Parts, summary: Value): Value;
}

/** The names of transformers' `problem_type`: softmax, a sigmoid each, or the number itself. */
export const PROBLEMS = ['single_label_classification', 'multi_label_classification', 'regression'] as const;
export type Problem = (typeof PROBLEMS)[number];

/** A trunk and what is done with its last states. */
export interface Network<Head> {
  readonly trunk: Trunk;
  readonly head: Head;
}

export type LanguageModel = Network<NextToken>;
export type SequenceClassifier = Network<Classifier>;

/** A language model whose tokens are of one type: what most are. */
export function languageModel({ logits, ...trunk }: Omit<Trunk, 'mask' | 'tokenTypes'> & NextToken): LanguageModel {
  return { trunk: { mask: 'causal', tokenTypes: false, ...trunk }, head: { logits } };
}

/** Reads a config.json of one architecture. */
export type Describe<Head> = (config: Fields) => Network<Head>;
