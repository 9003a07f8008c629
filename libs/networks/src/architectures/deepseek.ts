import type { Fields } from '@sonde/checkpoints';
import type { Routing } from '../graph/experts.ts';
import { preNormBlock, readRmsNorm, tokenTables } from './blocks.ts';
import { readLatentAttention } from './latent-attention.ts';
import { type LanguageModel, languageModel } from './network.ts';
import { readFirstDense, readGroups, readSharedExperts, readSigmoidRouting } from './shared-experts.ts';

/**
 * DeepSeek V2 (`DeepseekV2ForCausalLM`): latent attention, experts in most blocks, some of them shared by all tokens.
 * DeepSeek-AI, arXiv 2405.04434.
 */
export function describeDeepseekV2(config: Fields): LanguageModel {
  const experts = config.count('n_routed_experts', 64);
  const method = config.oneOf('topk_method', ['greedy', 'group_limited_greedy'], 'greedy');
  const routing = {
    experts,
    chosen: config.count('num_experts_per_tok'),
    normed: false,
    factor: config.positive('routed_scaling_factor', 1),
    ...(method === 'greedy' ? {} : { groups: readGroups(config, experts, 'best', {}) }),
  };
  return deepseek(config, {
    furtherBlocks: 0,
    interleaved: true,
    routing,
    bias: config.flag('mlp_bias', false),
    usual: { shared: 2, intermediateSize: 1407, dense: 0 },
  });
}

/**
 * DeepSeek V3 and R1 (`DeepseekV3ForCausalLM`): as V2, with a sigmoid for each expert, a bias that corrects the choice
 * alone, and groups of experts. DeepSeek-AI, arXiv 2412.19437.
 */
export function describeDeepseekV3(config: Fields): LanguageModel {
  return deepseek(config, {
    furtherBlocks: config.whole('num_nextn_predict_layers', 1),
    interleaved: config.flag('rope_interleave', true),
    routing: readSigmoidRouting(config, {
      experts: 256,
      chosen: 8,
      normed: true,
      factor: 2.5,
      groups: { count: 8, chosen: 4 },
    }),
    bias: false,
    usual: { shared: 1, intermediateSize: 2048, dense: 3 },
  });
}

interface Particular {
  /** Stored behind the others, to predict tokens further ahead. */
  readonly furtherBlocks: number;
  readonly interleaved: boolean;
  readonly routing: Routing;
  readonly bias: boolean;
  readonly usual: { readonly shared: number; readonly intermediateSize: number; readonly dense: number };
}

function deepseek(config: Fields, { furtherBlocks, interleaved, routing, bias, usual }: Particular): LanguageModel {
  const attention = readLatentAttention(config, interleaved);
  const isDense = readFirstDense(config, usual.dense);
  const { sizes, mlp } = readSharedExperts(config, attention.sizes, { routing, usual, isDense, bias });
  const norm = readRmsNorm(config, sizes);
  return languageModel({
    sizes,
    rotary: [attention.rotary],
    furtherBlocks,
    ...tokenTables(config, sizes),
    block: (parts, layer, hidden) =>
      preNormBlock(parts, layer, hidden, norm, {
        attention: (name, x) => attention.attend(parts, layer, name, x),
        mlp: (name, x) => mlp(parts, name, x, layer),
      }),
    finalNorm: (parts, hidden) => norm(parts, 'model.norm', hidden),
  });
}
