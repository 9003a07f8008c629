import type { Value } from '@sonde/onnx';
import type { Routing } from '../graph/experts.ts';
import type { Parts } from '../graph/parts.ts';
import type { TrunkSizes } from '../sizes.ts';
import { gatedMlp, type MlpForm } from './blocks.ts';

/** A mixture of gated MLPs, each under the name `NAME.experts.NUMBER`, with the router `NAME.gate`. */
export function mixtureOfExperts(
  parts: Parts,
  layer: number,
  name: string,
  x: Value,
  mlp: MlpForm,
  routing: Routing,
  bias: Value | null = null,
): Value {
  const logits = parts.router(`${name}.gate`, x, [routing.experts, mlp.hiddenSize], false);
  return parts.mixture(
    layer,
    x,
    logits,
    routing,
    (own, number, rows) => gatedMlp(own, `${name}.experts.${number}`, rows, mlp),
    bias,
  );
}

/** The sizes of a trunk with so many experts in the blocks that have some: all, if not said. */
export function withExperts(
  sizes: TrunkSizes,
  count: number,
  hasExperts: (block: number) => boolean = () => true,
): TrunkSizes {
  const blocks = Array.from({ length: sizes.layers }, (_, block) => block).filter(hasExperts);
  return blocks.length === 0 ? sizes : { ...sizes, experts: { count, blocks } };
}
