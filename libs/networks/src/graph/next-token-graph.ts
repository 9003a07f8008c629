import { buildGraph, type Graph } from '@sonde/onnx';
import type { LanguageModel } from '../architectures/network.ts';
import { cacheInputs } from '../ports/caches.ts';
import { changeInputs } from '../ports/changes.ts';
import { headRowInputs } from '../ports/draw.ts';
import { LOOP_ROUNDS } from '../ports/loop.ts';
import { maskInputs } from '../ports/masks.ts';
import { tokenShapeInputs } from '../ports/shapes.ts';
import { rotaryInputs, tokenInputs } from '../ports/tokens.ts';
import type { Features } from '../sites.ts';
import { addDraw } from './draw.ts';
import { addLoop } from './loop-graph.ts';
import { addPools } from './pools.ts';
import type { TransposedProduct } from './products.ts';
import { traceTrunk } from './trace.ts';
import { placeWeights, type StoredWeights, type WeightSource } from './weights.ts';

/**
 * How decoding goes on after the prompts were read. `steps`: a run for each token, with the cache outside the graph.
 * `loop`: the same graph with all steps in a `Loop` behind it, and the cache inside.
 */
export type DecodingForm = 'steps' | 'loop';

/** What a graph looks like, for whoever executes it. */
export interface GraphForm {
  readonly decoding: DecodingForm;
  readonly product: TransposedProduct;
}

/** A graph, how many numbers its weights have, and an adapter's beside them, and which of all stay as they are stored. */
export interface WeighedGraph {
  readonly graph: Graph;
  readonly parameters: number;
  readonly added: number;
  readonly stored: StoredWeights;
}

/** The output: [R, vocabulary]. */
export const NEXT_LOGITS = 'logits';

/**
 * The whole graph of a language model. One graph serves pre-fill, steps and teacher forcing: a run has B prompts, K
 * sequences of each, T new tokens a sequence, and R rows of the head; every part may be empty. What each input means is
 * said in `ports`, where what feeds it stands.
 */
export function nextTokenGraph(
  { trunk, head }: LanguageModel,
  source: WeightSource,
  features: Features,
  { decoding, product }: GraphForm,
): WeighedGraph {
  const { sizes } = trunk;
  const graph = buildGraph('next-token');
  const weights = placeWeights(graph, source);
  /** What every form of run shares. */
  const common = { rotary: rotaryInputs(graph, trunk.rotary), ...changeInputs(graph, sizes, features) };
  const shapes = tokenShapeInputs(graph, sizes);
  const { parts, normed, states, layout } = traceTrunk(graph, trunk, weights, features, {
    ...common,
    tokens: tokenInputs(graph, trunk.tokenTypes),
    attention: { shapes, product, ...maskInputs(graph, sizes), caches: cacheInputs(graph, sizes) },
  });
  addPools(graph, states, { rowShape: shapes.rowShape, layout, features });

  const headRows = graph.node('Gather', [normed, headRowInputs(graph)], { axis: 0 });
  // Named as an output before it is used: an Identity would copy it at every step.
  graph.output(NEXT_LOGITS, head.logits(parts, headRows), 'float32', ['R', sizes.vocabSize]);
  addDraw(graph, NEXT_LOGITS, sizes.vocabSize, decoding === 'loop' ? LOOP_ROUNDS : 1);
  if (decoding === 'loop') addLoop(graph, { trunk, head }, weights, features, product, common);

  const weighed = weights.finish(sizes.layers + (trunk.furtherBlocks ?? 0));
  return { graph: graph.finish(), ...weighed };
}
