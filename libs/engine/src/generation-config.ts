import { join } from 'node:path';
import { UserError } from '@sonde/base';
import type { Checkpoint } from '@sonde/checkpoints';
import type { GenerationOptions } from './types.ts';

type Settings = Readonly<Record<string, unknown>>;

/** What a checkpoint says of generation, and the file that says it. */
export interface GenerationSettings {
  readonly where: string;
  readonly settings: Settings;
}

/** As transformers: generation_config.json, or where there is none, config.json. */
export function generationSettings({ folder, config, generationConfig }: Checkpoint): GenerationSettings {
  return generationConfig
    ? { where: join(folder, 'generation_config.json'), settings: generationConfig }
    : { where: join(folder, 'config.json'), settings: config };
}

/** The token ids of a field: one, a list, or none. @throws UserError if it says something else */
export function tokenIdsOf({ where, settings }: GenerationSettings, name: string): number[] {
  const value = settings[name] ?? [];
  const list: unknown[] = Array.isArray(value) ? value : [value];
  const wrong = list.find((id) => !Number.isInteger(id));
  if (wrong === undefined) return list as number[];
  throw wrongField(where, name, settings[name], 'a token id or a list of them');
}

function wrongField(where: string, name: string, value: unknown, expected: string): UserError {
  return new UserError('model', `${where}: ${name} is ${JSON.stringify(value)}; expected ${expected}.`);
}

type Rule = 'repetition_penalty' | 'no_repeat_ngram_size' | 'min_new_tokens' | 'bad_words_ids' | Suppression;
type Suppression = 'suppress_tokens' | 'begin_suppress_tokens';

const SUPPRESSIONS: readonly Suppression[] = ['suppress_tokens', 'begin_suppress_tokens'];

/** The rules that a file may set and a run can follow. */
const RULES: readonly Rule[] = [
  'repetition_penalty',
  'no_repeat_ngram_size',
  'min_new_tokens',
  'bad_words_ids',
  ...SUPPRESSIONS,
];

/** What no run follows, with the value at which it asks for nothing. */
const UNKNOWN: Readonly<Record<string, unknown>> = {
  constraints: null,
  diversity_penalty: 0,
  dola_layers: null,
  encoder_no_repeat_ngram_size: 0,
  encoder_repetition_penalty: 1,
  exponential_decay_length_penalty: null,
  force_words_ids: null,
  forced_bos_token_id: null,
  forced_eos_token_id: null,
  guidance_scale: 1,
  min_length: 0,
  num_beams: 1,
  penalty_alpha: null,
  sequence_bias: null,
  stop_strings: null,
  token_healing: false,
  watermarking_config: null,
};

/** The same where tokens are drawn. */
const UNKNOWN_OF_DRAWS: Readonly<Record<string, unknown>> = {
  epsilon_cutoff: 0,
  eta_cutoff: 0,
  min_p: 0,
  top_h: null,
  typical_p: 1,
};

/** What `with:` decides, whatever a file says. */
const OF_DRAWS = ['temperature', 'top_k', 'top_p'] as const;

/** What a setting of the rules is where it asks for nothing. */
function isNothing(value: unknown): boolean {
  return value === undefined || value === null || value === 0 || (Array.isArray(value) && value.length === 0);
}

/** The rules of a file, one by one. @throws UserError if one cannot be read */
function rulesOf({ where, settings }: GenerationSettings, vocabSize: number): Partial<GenerationOptions> {
  const found: Record<string, unknown> = {};
  for (const name of RULES) {
    const value = settings[name];
    if (isNothing(value) || (name === 'repetition_penalty' && value === 1)) continue;
    if (name === 'bad_words_ids') {
      const isWord = (word: unknown): boolean => Array.isArray(word) && word.length > 0 && word.every(Number.isInteger);
      if (!Array.isArray(value) || !value.every(isWord))
        throw wrongField(where, name, value, 'a list of lists of token ids');
      found[name] = value;
    } else if (SUPPRESSIONS.some((other) => other === name)) {
      // A token that is not in the vocabulary is suppressed as it is.
      found[name] = tokenIdsOf({ where, settings }, name).filter((id) => id >= 0 && id < vocabSize);
    } else if (typeof value === 'number') found[name] = value;
    else throw wrongField(where, name, value, 'a number');
  }
  return found;
}

/** What a file asks for beside the rules, which no run follows. */
function unknownIn({ settings }: GenerationSettings, draws: boolean): string[] {
  return Object.entries({ ...UNKNOWN, ...(draws ? UNKNOWN_OF_DRAWS : {}) }).flatMap(([name, nothing]) => {
    const value = settings[name];
    return isNothing(value) || value === false || value === nothing ? [] : [shown(name, value)];
  });
}

function shown(name: string, value: unknown): string {
  const text = JSON.stringify(value);
  return `${name} ${text.length > 40 ? `${text.slice(0, 37)}…` : text}`;
}

/**
 * Options with the rules of a checkpoint's file where they set none.
 * @throws UserError if the file asks for what no run can follow
 */
export function following(options: GenerationOptions, asked: GenerationSettings, vocabSize: number): GenerationOptions {
  const unknown = unknownIn(asked, options.do_sample ?? true);
  if (unknown.length > 0) {
    throw new UserError(
      'model',
      `${asked.where} asks for what is not supported: ${unknown.join(', ')}.`,
      'Leave generation_config: follow out, or change the file.',
    );
  }
  const given = Object.entries(options).filter(
    ([name, value]) => !isNothing(value) && !(name === 'repetition_penalty' && value === 1),
  );
  const { max_new_tokens: most = 20 } = options;
  const rules = rulesOf(asked, vocabSize);
  // No end before more tokens than there are is none at all.
  const { min_new_tokens: least } = rules;
  return {
    ...options,
    ...rules,
    ...(least !== undefined && { min_new_tokens: Math.min(least, most) }),
    ...Object.fromEntries(given),
  };
}

/** What a checkpoint's file asks for that these options do otherwise, in words; none if nothing. */
export function notFollowed(options: GenerationOptions, asked: GenerationSettings, vocabSize: number): string[] {
  const { do_sample: draws = true } = options;
  const { settings } = asked;
  const differ = (name: keyof GenerationOptions & string, value: unknown): string[] =>
    JSON.stringify(options[name]) === JSON.stringify(value) ? [] : [shown(name, value)];
  const rules = Object.entries(rulesOf(asked, vocabSize)).flatMap(([name, value]) =>
    differ(name as keyof GenerationOptions & string, value),
  );
  const drawn = draws
    ? OF_DRAWS.flatMap((name) => (typeof settings[name] === 'number' ? differ(name, settings[name]) : []))
    : [];
  const way =
    typeof settings.do_sample === 'boolean' && settings.do_sample !== draws ? differ('do_sample', !draws) : [];
  return [...rules, ...unknownIn(asked, draws), ...way, ...drawn];
}
