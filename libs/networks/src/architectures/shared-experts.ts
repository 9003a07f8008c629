import { UserError } from '@sonde/base';
import type { Fields } from '@sonde/checkpoints';
import type { Routing } from '../graph/experts.ts';
import type { TrunkSizes } from '../sizes.ts';
import { gatedMlp, readActivation, readGatedMlp } from './blocks.ts';
import { withMixtures } from './experts.ts';

/** What the fields of DeepSeek's mixtures are called in a class. */
export interface MixtureNames {
  readonly experts: string;
  readonly shared: string;
  /** The weight that corrects the choice, within the mixture's name. */
  readonly correction: string;
}

export const DEEPSEEK: MixtureNames = {
  experts: 'n_routed_experts',
  shared: 'n_shared_experts',
  correction: 'gate.e_score_correction_bias',
};

/** What a class takes where config.json is silent; it must say what is not given. */
interface UsualRouting {
  readonly experts?: number;
  readonly chosen?: number;
  readonly normed: boolean;
  readonly factor: number;
  /** One of one if not given. */
  readonly groups?: { readonly count: number; readonly chosen: number };
}

/** DeepSeek V3's routing: a sigmoid for each expert, of some groups of them. DeepSeek-AI, arXiv 2412.19437, section 2.1.2. */
export function readSigmoidRouting(config: Fields, usual: UsualRouting, names = DEEPSEEK): Routing {
  const experts = config.count(names.experts, usual.experts);
  return {
    experts,
    chosen: config.count('num_experts_per_tok', usual.chosen),
    scores: 'sigmoid',
    normed: config.flag('norm_topk_prob', usual.normed),
    factor: config.positive('routed_scaling_factor', usual.factor),
    groups: readGroups(config, experts, 'bestTwo', usual.groups ?? { count: 1, chosen: 1 }, names),
  };
}

export function readGroups(
  config: Fields,
  experts: number,
  by: 'best' | 'bestTwo',
  usual: { readonly count?: number; readonly chosen?: number },
  names = DEEPSEEK,
): NonNullable<Routing['groups']> {
  const [count, chosen] = [config.count('n_group', usual.count), config.count('topk_group', usual.chosen)];
  if (experts % count === 0 && chosen <= count && (by === 'best' || experts / count >= 2)) return { count, chosen, by };
  throw new UserError(
    'model',
    `${config.where}: ${experts} experts (${names.experts}) cannot be chosen from ${chosen} (topk_group) of ${count} groups (n_group).`,
  );
}

interface SharedForm {
  readonly routing: Routing;
  readonly usual: { readonly shared?: number; readonly intermediateSize: number };
  /** Which blocks have an MLP and no experts; none if not given. */
  readonly isDense?: (layer: number) => boolean;
  /** Whether MLPs, but for the experts', have biases; false if not given. */
  readonly bias?: boolean;
  readonly names?: MixtureNames;
}

/** Mixtures with an MLP of several experts' size beside them for all tokens, and MLPs in the place of some. */
export function readSharedExperts(
  config: Fields,
  sizes: TrunkSizes,
  { routing, usual, isDense, bias = false, names = DEEPSEEK }: SharedForm,
) {
  const intermediateSize = config.count('moe_intermediate_size', usual.intermediateSize);
  const activation = readActivation(config, 'hidden_act', 'silu');
  const own = { hiddenSize: sizes.hiddenSize, intermediateSize, activation, bias: false };
  const shared = { ...own, intermediateSize: intermediateSize * config.count(names.shared, usual.shared), bias };
  return withMixtures(config, sizes, {
    routing,
    own,
    ...(isDense && { dense: { mlp: readGatedMlp(config, sizes, bias), isIn: isDense } }),
    ...(routing.scores === 'sigmoid' && {
      correction: (parts, name) => parts.vector(`${name}.${names.correction}`, routing.experts),
    }),
    beside: (parts, name, x) => gatedMlp(parts, `${name}.shared_experts`, x, shared),
  });
}

/** The first blocks have an MLP and no experts, as many as `first_k_dense_replace` says. */
export function readFirstDense(config: Fields, usual: number): (layer: number) => boolean {
  const first = config.whole('first_k_dense_replace', usual);
  return (layer) => layer < first;
}
