import type { Value } from '@sonde/onnx';
import type { Parts } from '../graph/parts.ts';
import { gatedMlp, type MlpForm } from './blocks.ts';

/** How a router chooses among experts. */
export interface Routing {
  readonly experts: number;
  /** How many of them a token has. */
  readonly chosen: number;
  /** Whether the chosen ones' weights are divided by their sum. */
  readonly normed: boolean;
}

/**
 * A mixture of gated MLPs: each token's output is the sum of its chosen experts', by the router's softmax. All experts
 * are computed for all tokens, and what was not chosen has the weight 0: exact, at the cost of all of them.
 */
export function mixtureOfExperts(
  parts: Parts,
  names: { readonly router: string; readonly expert: (number: number) => string },
  x: Value,
  mlp: MlpForm,
  { experts, chosen, normed }: Routing,
): Value {
  const logits = parts.linear(names.router, x, [experts, mlp.hiddenSize], false);
  const weights = parts.expertWeights(logits, chosen, normed);
  const each = parts.split(weights, new Array<number>(experts).fill(1));
  return each
    .map((weight, number) => parts.multiply(gatedMlp(parts, names.expert(number), x, mlp), weight))
    .reduce((sum, output) => parts.add(sum, output));
}
