import { isRecord, UserError } from '@sonde/base';
import { REMEDY, type Source } from './parts.ts';

/** How a group of layers is quantised, as compressed-tensors writes it. */
export interface Scheme {
  readonly targets: readonly string[];
  readonly format: string;
  readonly bits: number;
  readonly type: 'int' | 'float';
  readonly symmetric: boolean;
  /** Rows and columns that share a scale; null: a row or all. */
  readonly block: readonly [number, number] | null;
}

const FORMATS = ['pack-quantized', 'int-quantized', 'float-quantized', 'naive-quantized'];

/** The groups of a quantization_config. @throws UserError for what is not read */
export function readSchemes({ where, settings }: Source): Scheme[] {
  const refuse = (what: string): never => {
    throw new UserError('model', `${where}: quantization_config has ${what}, which is not read.`, REMEDY);
  };
  const sparsity = isRecord(settings.sparsity_config) ? (settings.sparsity_config.format ?? 'dense') : 'dense';
  if (sparsity !== 'dense') refuse(`sparsity_config.format: ${JSON.stringify(sparsity)}`);
  const transforms = isRecord(settings.transform_config) ? settings.transform_config.config_groups : undefined;
  if (isRecord(transforms) && Object.keys(transforms).length > 0) refuse('transform_config');
  const groups = isRecord(settings.config_groups) ? Object.entries(settings.config_groups) : [];
  return groups.map(([name, group]) => {
    const at = `config_groups.${name}`;
    const { targets, weights, format: own } = isRecord(group) ? group : {};
    if (!Array.isArray(targets) || !targets.every((target) => typeof target === 'string'))
      return refuse(`${at} without targets`);
    if (!isRecord(weights)) return refuse(`${at} without weights`);
    const format = own ?? settings.format;
    if (typeof format !== 'string' || !FORMATS.includes(format)) {
      return refuse(`format: ${JSON.stringify(format)} (read are ${FORMATS.join(', ')})`);
    }
    const { num_bits: bits, type, strategy } = weights;
    if (type !== 'int' && type !== 'float') return refuse(`${at}.weights.type: ${JSON.stringify(type)}`);
    if (
      typeof bits !== 'number' ||
      !Number.isInteger(bits) ||
      bits < 2 ||
      bits > 8 ||
      (type === 'float' && bits !== 8)
    ) {
      return refuse(`${at}.weights.num_bits: ${JSON.stringify(bits)} of type ${type}`);
    }
    const block = blockOf(weights);
    if (block === undefined) return refuse(`${at}.weights.strategy: ${JSON.stringify(strategy)}`);
    return { targets, format, bits, type, symmetric: weights.symmetric !== false, block };
  });
}

function isSize(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0;
}

/** undefined: a strategy that is not read, or that lacks its size. */
function blockOf(weights: Readonly<Record<string, unknown>>): Scheme['block'] | undefined {
  const { strategy, group_size: size, block_structure: structure } = weights;
  switch (strategy ?? (isSize(size) ? 'group' : 'tensor')) {
    case 'tensor':
    case 'channel':
      return null;
    case 'group':
      return isSize(size) ? [1, size] : undefined;
    case 'block': {
      const [rows, columns] = Array.isArray(structure) ? structure : [];
      return isSize(rows) && isSize(columns) ? [rows, columns] : undefined;
    }
    default:
      return undefined;
  }
}

/**
 * The scheme of a layer: a group that names it counts before one that names its class.
 * @throws UserError if there is none
 */
export function schemeOf(schemes: readonly Scheme[], layer: string, { where }: Source): Scheme {
  const named = schemes.find(({ targets }) => targets.some((target) => matches(target, layer)));
  const found = named ?? schemes.find(({ targets }) => targets.includes('Linear'));
  if (found) return found;
  throw new UserError('model', `${where}: "${layer}" is stored packed, but no group of quantization_config is for it.`);
}

/** Whether a target or an entry of `ignore` names a layer: by its name, or as a regular expression after "re:". */
export function matches(target: string, layer: string): boolean {
  if (!target.startsWith('re:')) return target === layer;
  try {
    // A match has to begin where the name begins, as in Python's re.match.
    return new RegExp(`^(?:${target.slice('re:'.length)})`, 'u').test(layer);
  } catch {
    return false;
  }
}
