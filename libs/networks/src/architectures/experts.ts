import { UserError } from '@sonde/base';
import type { Fields } from '@sonde/checkpoints';
import type { Value } from '@sonde/onnx';
import type { Routing } from '../graph/experts.ts';
import type { Parts } from '../graph/parts.ts';
import type { TrunkSizes } from '../sizes.ts';
import { gatedMlp, type MlpForm } from './blocks.ts';
import type { LlamaForm } from './llama-form.ts';

/** A network's mixtures of gated MLPs. */
export interface MixtureForm {
  /** How many experts a token has is said once, or for each layer. */
  readonly routing: Omit<Routing, 'chosen'> & { readonly chosen: number | readonly number[] };
  /** Each expert's, under the name `NAME.experts.NUMBER`, or what one makes of some tokens. */
  readonly own: MlpForm | ((parts: Parts, name: string, number: number, x: Value) => Value);
  /** The blocks that have an MLP and no experts; none if not given. */
  readonly dense?: { readonly mlp: MlpForm; isIn(layer: number): boolean };
  /** What a block's mixture is called, where it is not `mlp`. */
  readonly called?: string;
  /** The router's name within the mixture's; `gate` if not given. */
  readonly router?: string;
  /** What is added to scores for the choice alone, [experts] or [1, experts]; nothing if not given. */
  correction?(parts: Parts, name: string): Value;
  /** What is added to what the experts make. */
  beside?(parts: Parts, name: string, x: Value, layer: number): Value;
}

/** A trunk's sizes and MLPs, with mixtures in the place of some MLPs, or of all. @throws UserError as `checkChosen` does */
export function withMixtures(
  config: Fields,
  sizes: TrunkSizes,
  { routing, own, dense, called, router = 'gate', correction, beside }: MixtureForm,
): Pick<LlamaForm, 'sizes' | 'mlp'> {
  const isDense = (layer: number) => dense?.isIn(layer) === true;
  const { experts, chosen } = routing;
  const make =
    typeof own === 'function'
      ? own
      : (parts: Parts, name: string, number: number, x: Value) => gatedMlp(parts, `${name}.experts.${number}`, x, own);
  checkChosen(config, routing);
  return {
    sizes: withExperts(sizes, experts, (layer) => !isDense(layer)),
    mlp(parts, ofMlp, x, layer) {
      if (isDense(layer)) return gatedMlp(parts, ofMlp, x, dense!.mlp);
      const name = called === undefined ? ofMlp : `model.layers.${layer}.${called}`;
      const logits = parts.router(`${name}.${router}`, x, [experts, sizes.hiddenSize], false);
      const mixed = parts.mixture(
        layer,
        x,
        logits,
        { ...routing, chosen: typeof chosen === 'number' ? chosen : chosen[layer]! },
        (inner, number, rows) => make(inner, name, number, rows),
        correction && { bias: correction(parts, name) },
      );
      return beside ? parts.add(mixed, beside(parts, name, x, layer)) : mixed;
    },
  };
}

/** @throws UserError if a token is to have more experts than there are */
export function checkChosen(
  config: Fields,
  { experts, chosen }: Pick<MixtureForm['routing'], 'experts' | 'chosen'>,
): void {
  const most = typeof chosen === 'number' ? chosen : Math.max(...chosen);
  if (most <= experts) return;
  throw new UserError('model', `${config.where}: a token cannot have ${most} of ${experts} experts.`);
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
