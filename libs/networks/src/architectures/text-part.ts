import { isRecord, UserError } from '@sonde/base';
import { refuseContradictions } from './contradictions.ts';

type Config = Readonly<Record<string, unknown>>;

/** The language model inside a checkpoint that holds more: one that looks at images too, say. */
export interface TextPart {
  /** As the language model alone would have it. */
  readonly config: Config;
  /** What a weight or module is called in the language model alone; null for what is not of it. */
  rename(name: string): string | null;
}

/** By class: the one of its language model, and what its `text_config` leaves out. */
const TEXT_PARTS: Readonly<Record<string, { readonly architecture: string; readonly usual: Config }>> = {
  Gemma3ForConditionalGeneration: {
    architecture: 'Gemma3ForCausalLM',
    usual: {
      model_type: 'gemma3_text',
      vocab_size: 262_208,
      hidden_size: 2304,
      intermediate_size: 9216,
      num_hidden_layers: 26,
      num_attention_heads: 8,
      num_key_value_heads: 4,
    },
  },
};

/** Prefixes of the language model's names, and what they are in it alone. */
const PREFIXES: readonly (readonly [string, string])[] = [
  ['language_model.model.', 'model.'],
  ['model.language_model.', 'model.'],
  ['language_model.lm_head.', 'lm_head.'],
  ['lm_head.', 'lm_head.'],
];

/** What the whole says of tokens counts before what the part says. */
const OF_TOKENS = ['bos_token_id', 'eos_token_id', 'pad_token_id'];

/** The language model inside a checkpoint; null where it is one itself, or of another class. @throws UserError */
export function textPart(config: Config, where: string): TextPart | null {
  const named = Array.isArray(config.architectures) ? String(config.architectures[0]) : '';
  const part = Object.hasOwn(TEXT_PARTS, named) ? TEXT_PARTS[named] : undefined;
  if (!part) return null;
  refuseContradictions(named, config, where);
  const { text_config: own } = config;
  if (!isRecord(own)) {
    throw new UserError('model', `${where}: ${named} needs text_config, the configuration of its language model.`);
  }
  const given = Object.entries(own).filter(([, value]) => value !== undefined);
  const tokens = OF_TOKENS.flatMap((name) => (config[name] === undefined ? [] : [[name, config[name]] as const]));
  return {
    config: { ...part.usual, ...Object.fromEntries([...given, ...tokens]), architectures: [part.architecture] },
    rename(name) {
      const found = PREFIXES.find(([prefix]) => name.startsWith(prefix));
      return found ? found[1] + name.slice(found[0].length) : null;
    },
  };
}
