import { UserError } from '@sonde/base';
import type { Fields } from '@sonde/checkpoints';
import { readRotary, rotaryOf, rotarySettings, withBase } from '../rotary.ts';
import type { TrunkSizes } from '../sizes.ts';
import { type GraniteForm, graniteMixtures, graniteMlp, graniteModel } from './granite.ts';
import type { LanguageModel } from './network.ts';
import { readSizes, readSliding } from './read-sizes.ts';

/**
 * Granite with a sliding window in three layers of four (`GraniteSWAForCausalLM`): as Granite, with a sink in each head's
 * softmax, and rotary positions of each layer's own base, or none. Granite team, granite-swash, 2026.
 */
export function describeGraniteSwa(config: Fields): LanguageModel {
  const sizes = readSizes(config, { maxPositions: 8192, window: readWindow(config) });
  return graniteModel(config, {
    sizes,
    ...readAttention(config, sizes),
    mlp: graniteMlp(config, sizes),
    epsilon: 1e-5,
    tied: true,
  });
}

/** The same with experts (`GraniteMoeSWAForCausalLM`) in place of each MLP, and an MLP beside them where its size is not 0. */
export function describeGraniteMoeSwa(config: Fields): LanguageModel {
  const sizes = readSizes(config, { window: readWindow(config) });
  const experts = config.count('num_local_experts', 8);
  const sharedSize = config.whole('shared_intermediate_size', 0);
  return graniteModel(config, {
    ...readAttention(config, sizes),
    ...graniteMixtures(config, sizes, { experts, sharedSize, stored: STACKS }),
  });
}

const STACKS = { gateUp: 'experts.gate_up_proj', down: 'experts.down_proj', router: 'router' };

function readWindow(config: Fields): number | null {
  return config.optionalCount('sliding_window', 128);
}

function readAttention(config: Fields, sizes: TrunkSizes): Pick<GraniteForm, 'rotary' | 'attention'> {
  const sliding = readSliding(config, sizes.layers, (layer) => layer % 4 !== 0);
  const { rotary, of } = readPositions(config, sizes);
  return {
    rotary,
    attention: (parts, layer, name) => ({
      sliding: sizes.window !== null && sliding(layer),
      rotary: of(layer),
      sinks: parts.vector(`${name}.sinks`, sizes.heads),
    }),
  };
}

/** Rotary positions, and which of them each layer has; null: none. */
function readPositions(
  config: Fields,
  sizes: TrunkSizes,
): Pick<GraniteForm, 'rotary'> & { of(layer: number): number | null } {
  const thetas = readThetas(config, sizes.layers);
  if (thetas === null) return { rotary: [readRotary(config, sizes)], of: () => 0 };
  const distinct = [...new Set(thetas)].filter((theta) => theta !== 0);
  const settings = rotarySettings(config);
  return {
    rotary: distinct.map((theta) => rotaryOf(config, withBase(settings, theta), sizes, {})),
    of: (layer) => (thetas[layer] === 0 ? null : distinct.indexOf(thetas[layer]!)),
  };
}

/** The base of each layer's positions, 0 where it has none; null where one counts for all. @throws UserError */
function readThetas(config: Fields, layers: number): readonly number[] | null {
  const listed = config.value('layer_rope_theta') ?? null;
  if (listed === null) return null;
  const isTheta = (item: unknown): item is number => typeof item === 'number' && Number.isFinite(item) && item >= 0;
  if (Array.isArray(listed) && listed.length >= layers && listed.every(isTheta)) return listed.slice(0, layers);
  throw new UserError(
    'model',
    `${config.where}: layer_rope_theta is ${JSON.stringify(listed)}; expected a list of ${layers} numbers of 0 or more, one for each layer.`,
  );
}
