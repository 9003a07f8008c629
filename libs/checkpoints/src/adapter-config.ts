import { isRecord, UserError } from '@sonde/base';

type Config = Readonly<Record<string, unknown>>;

/** Fields of PEFT's LoraConfig that are read (`adapter.ts`, and below). */
const READ = [
  'peft_type',
  'r',
  'lora_alpha',
  'use_rslora',
  'rank_pattern',
  'alpha_pattern',
  'bias',
  'init_lora_weights',
  'exclude_modules',
];

/**
 * Fields that say where the weights came from or how they were trained and chosen, and change nothing of what they do.
 * `fan_in_fan_out` says how the adapted weight is stored, which only merging asks.
 */
const OF_NO_EFFECT = [
  'alora_invocation_string',
  'auto_mapping',
  'base_model_name_or_path',
  'eva_config',
  'fan_in_fan_out',
  'inference_mode',
  'layers_pattern',
  'layers_to_transform',
  'lora_dropout',
  'megatron_core',
  'peft_version',
  'qalora_group_size',
  'revision',
  'runtime_config',
  'target_modules',
  'task_type',
];

/** Ways of beginning that leave the model's own weights as they are. */
const PLAIN_BEGINNINGS: readonly unknown[] = [undefined, null, true, false, 'gaussian', 'orthogonal', 'eva'];

function isOff(value: unknown): boolean {
  if (value === undefined || value === null || value === false) return true;
  if (Array.isArray(value)) return value.length === 0;
  return isRecord(value) && Object.keys(value).length === 0;
}

/**
 * Refuses an adapter that says anything that is not followed: what PEFT adds in years to come too.
 * @param path of adapter_config.json @throws UserError naming the field
 */
export function refuseVariants(config: Config, path: string): void {
  const refuse = (what: string, hint?: string): never => {
    throw new UserError('model', `${path}: ${what}`, hint);
  };
  if (config.peft_type !== 'LORA') refuse(`peft_type is ${JSON.stringify(config.peft_type)}; only LORA is supported.`);
  if (!isOff(config.bias) && config.bias !== 'none') {
    refuse(`bias "${config.bias}" is not supported; only "none" is.`);
  }
  const { init_lora_weights: init } = config;
  if (!PLAIN_BEGINNINGS.includes(init)) {
    refuse(
      `init_lora_weights ${JSON.stringify(init)} is not supported: loading such an adapter changes the model's own weights too.`,
      'Convert it to a plain LoRA adapter with PEFT: save_pretrained(…, path_initial_model_for_weight_conversion=…).',
    );
  }
  for (const [field, value] of Object.entries(config)) {
    if (READ.includes(field) || OF_NO_EFFECT.includes(field) || isOff(value)) continue;
    refuse(`${field} is not supported.`);
  }
}

/** Whether `exclude_modules` names a module: a pattern of its whole name, or names that it may end with. */
export function isExcluded({ exclude_modules: excluded }: Config, module: string, where: string): boolean {
  if (typeof excluded === 'string') return wholly(excluded, where).test(module);
  if (!Array.isArray(excluded)) return false;
  return excluded.some((name) => module === name || module.endsWith(`.${String(name)}`));
}

function wholly(pattern: string, where: string): RegExp {
  return compiled(`^(?:${pattern})$`, pattern, where);
}

function compiled(source: string, pattern: string, where: string): RegExp {
  try {
    return new RegExp(source);
  } catch {
    throw new UserError('model', `${where}: the pattern "${pattern}" is not a regular expression.`);
  }
}

/** PEFT's rule for rank_pattern and alpha_pattern: the first key that matches the end of the module's name. */
export function patternFor(patterns: unknown, module: string, where: string): number | undefined {
  if (!isRecord(patterns)) return undefined;
  const key = Object.keys(patterns).find((pattern) => compiled(`^(.*\\.)?(${pattern})$`, pattern, where).test(module));
  const value = key === undefined ? undefined : patterns[key];
  return typeof value === 'number' ? value : undefined;
}
