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

/** The class of a language model, and what a `text_config` leaves out. */
interface Text {
  readonly architecture: string;
  readonly usual: Config;
}

const MISTRAL = {
  hidden_size: 4096,
  intermediate_size: 14_336,
  num_attention_heads: 32,
  num_key_value_heads: 8,
};

/** By class, by the `model_type` of its `text_config`; where that names none, the first one. */
const TEXT_PARTS: Readonly<Record<string, Readonly<Record<string, Text>>>> = {
  Gemma3ForConditionalGeneration: {
    gemma3_text: {
      architecture: 'Gemma3ForCausalLM',
      usual: {
        vocab_size: 262_208,
        hidden_size: 2304,
        intermediate_size: 9216,
        num_hidden_layers: 26,
        num_attention_heads: 8,
        num_key_value_heads: 4,
      },
    },
  },
  Gemma4ForConditionalGeneration: { gemma4_text: { architecture: 'Gemma4ForCausalLM', usual: {} } },
  Mistral3ForConditionalGeneration: {
    mistral: {
      architecture: 'MistralForCausalLM',
      usual: { ...MISTRAL, vocab_size: 32_000, num_hidden_layers: 32 },
    },
    ministral3: {
      architecture: 'Ministral3ForCausalLM',
      usual: { ...MISTRAL, vocab_size: 131_072, num_hidden_layers: 34 },
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
  const kinds = Object.hasOwn(TEXT_PARTS, named) ? TEXT_PARTS[named] : undefined;
  if (!kinds) return null;
  refuseContradictions(named, config, where);
  const { text_config: own } = config;
  if (!isRecord(own)) {
    throw new UserError('model', `${where}: ${named} needs text_config, the configuration of its language model.`);
  }
  const [usualType] = Object.keys(kinds);
  const type = String(own.model_type ?? usualType);
  const part = Object.hasOwn(kinds, type) ? kinds[type] : undefined;
  if (!part) {
    throw new UserError(
      'model',
      `${where}: text_config of ${named} is of model_type "${type}"; supported: ${Object.keys(kinds).join(', ')}.`,
    );
  }
  const given = Object.entries(own).filter(([, value]) => value !== undefined);
  const tokens = OF_TOKENS.flatMap((name) => (config[name] === undefined ? [] : [[name, config[name]] as const]));
  return {
    config: {
      model_type: type,
      ...part.usual,
      ...Object.fromEntries([...given, ...tokens]),
      // transformers ties the whole, by what the whole says.
      tie_word_embeddings: config.tie_word_embeddings ?? true,
      architectures: [part.architecture],
    },
    rename(name) {
      const found = PREFIXES.find(([prefix]) => name.startsWith(prefix));
      return found ? found[1] + name.slice(found[0].length) : null;
    },
  };
}
