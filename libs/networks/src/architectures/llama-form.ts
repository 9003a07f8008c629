import type { Fields } from '@sonde/checkpoints';
import type { Value } from '@sonde/onnx';
import type { Parts } from '../graph/parts.ts';
import type { RotarySpec } from '../rotary.ts';
import type { TrunkSizes } from '../sizes.ts';
import {
  type Norm,
  postNormBlock,
  preNormBlock,
  type SelfAttention,
  selfAttention,
  type TableDefaults,
  tokenTables,
} from './blocks.ts';
import { type LanguageModel, languageModel } from './network.ts';

/** In what models of Llama's form differ. */
export interface LlamaForm extends TableDefaults {
  readonly sizes: TrunkSizes;
  /** One, or several, of which attention says which it is rotated by. */
  readonly rotary: RotarySpec | readonly RotarySpec[];
  readonly norm: Norm;
  attention(parts: Parts, layer: number): SelfAttention;
  /** @param name that of the block's MLP, before those of its projections */
  mlp(parts: Parts, name: string, x: Value, layer: number): Value;
  /** As in `Trunk`. */
  readonly furtherBlocks?: number;
}

/** A language model of Llama's form and names: norms before attention and MLP, and a last one; rotary positions. */
export function preNormModel(config: Fields, form: LlamaForm): LanguageModel {
  return modelOf(config, form, preNormBlock);
}

/** The same with norms after attention and MLP, as in OLMo 2. */
export function postNormModel(config: Fields, form: LlamaForm): LanguageModel {
  return modelOf(config, form, postNormBlock);
}

function modelOf(
  config: Fields,
  { sizes, rotary, norm, attention, mlp, furtherBlocks = 0, ...tables }: LlamaForm,
  normedBlock: typeof preNormBlock,
): LanguageModel {
  return languageModel({
    sizes,
    rotary: [rotary].flat(),
    furtherBlocks,
    ...tokenTables(config, sizes, tables),
    block: (parts, layer, hidden) =>
      normedBlock(parts, layer, hidden, norm, {
        attention: (name, x) => selfAttention(parts, sizes, layer, name, x, attention(parts, layer)),
        mlp: (name, x) => mlp(parts, name, x, layer),
      }),
    finalNorm: (parts, hidden) => norm(parts, 'model.norm', hidden),
  });
}
