import { UserError } from '@sonde/base';
import type { Fields } from '@sonde/checkpoints';
import type { Value } from '@sonde/onnx';
import type { Routing } from '../graph/experts.ts';
import type { Parts } from '../graph/parts.ts';
import { gatedMlp, preNormBlock, readGatedMlp, readRmsNorm, tokenTables } from './blocks.ts';
import { mixtureOfExperts, withExperts } from './experts.ts';
import { readLatentAttention } from './latent-attention.ts';
import { type LanguageModel, languageModel } from './network.ts';

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
    correction: () => null,
  });
}

/**
 * DeepSeek V3 and R1 (`DeepseekV3ForCausalLM`): as V2, with a sigmoid for each expert, a bias that corrects the choice
 * alone, and groups of experts. DeepSeek-AI, arXiv 2412.19437.
 */
export function describeDeepseekV3(config: Fields): LanguageModel {
  const experts = config.count('n_routed_experts', 256);
  const routing = {
    experts,
    chosen: config.count('num_experts_per_tok', 8),
    scores: 'sigmoid',
    normed: config.flag('norm_topk_prob', true),
    factor: config.positive('routed_scaling_factor', 2.5),
    groups: readGroups(config, experts, 'bestTwo', { count: 8, chosen: 4 }),
  } as const;
  return deepseek(config, {
    furtherBlocks: config.whole('num_nextn_predict_layers', 1),
    interleaved: config.flag('rope_interleave', true),
    routing,
    bias: false,
    usual: { shared: 1, intermediateSize: 2048, dense: 3 },
    correction: (parts, name) => parts.vector(`${name}.gate.e_score_correction_bias`, experts),
  });
}

function readGroups(
  config: Fields,
  experts: number,
  by: 'best' | 'bestTwo',
  usual: { readonly count?: number; readonly chosen?: number },
): NonNullable<Routing['groups']> {
  const [count, chosen] = [config.count('n_group', usual.count), config.count('topk_group', usual.chosen)];
  if (experts % count === 0 && chosen <= count && (by === 'best' || experts / count >= 2)) return { count, chosen, by };
  throw new UserError(
    'model',
    `${config.where}: ${experts} experts (n_routed_experts) cannot be chosen from ${chosen} (topk_group) of ${count} groups (n_group).`,
  );
}

interface Particular {
  /** Stored behind the others, to predict tokens further ahead. */
  readonly furtherBlocks: number;
  readonly interleaved: boolean;
  readonly routing: Routing;
  readonly bias: boolean;
  readonly usual: { readonly shared: number; readonly intermediateSize: number; readonly dense: number };
  correction(parts: Parts, name: string): Value | null;
}

function deepseek(config: Fields, particular: Particular): LanguageModel {
  const { furtherBlocks, interleaved, routing, bias, usual, correction } = particular;
  const attention = readLatentAttention(config, interleaved);
  const { sizes } = attention;
  const dense = readGatedMlp(config, sizes, bias);
  const intermediateSize = config.count('moe_intermediate_size', usual.intermediateSize);
  const own = { ...dense, intermediateSize, bias: false };
  const shared = { ...dense, intermediateSize: intermediateSize * config.count('n_shared_experts', usual.shared) };
  const firstWithExperts = config.whole('first_k_dense_replace', usual.dense);
  const norm = readRmsNorm(config, sizes);
  return languageModel({
    sizes: withExperts(sizes, routing.experts, (layer) => layer >= firstWithExperts),
    rotary: [attention.rotary],
    furtherBlocks,
    ...tokenTables(config, sizes),
    block: (parts, layer, hidden) =>
      preNormBlock(parts, layer, hidden, norm, {
        attention: (name, x) => attention.attend(parts, layer, name, x),
        mlp(name, x) {
          if (layer < firstWithExperts) return gatedMlp(parts, name, x, dense);
          const mixed = mixtureOfExperts(parts, layer, name, x, own, routing, correction(parts, name));
          return parts.add(mixed, gatedMlp(parts, `${name}.shared_experts`, x, shared));
        },
      }),
    finalNorm: (parts, hidden) => norm(parts, 'model.norm', hidden),
  });
}
