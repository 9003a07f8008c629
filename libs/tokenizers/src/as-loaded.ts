import { isDeepStrictEqual } from 'node:util';
import { isRecord, UserError } from '@sonde/base';
import { classOf, tokenText } from './classes.ts';

type Json = Readonly<Record<string, unknown>>;

/** A token that is looked for in texts before they are split. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  /** Found only where no letter, digit or mark stands beside it. */
  readonly single_word: boolean;
  /** It takes the white space before it, or after it. */
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  /** Looked for in the normalised text. */
  readonly normalized: boolean;
  readonly special: boolean;
}

/** A folder's tokenizer as transformers loads it. */
export interface LoadedTokenizer {
  /** What tokenizer.json would say. */
  readonly json: Readonly<Record<string, unknown>> & { readonly added_tokens: readonly AddedToken[] };
  /** The named special tokens: `bos_token` and so on. */
  readonly special: Readonly<Record<string, string>>;
  /** Those that the class has no names for, which chat templates see too. */
  readonly further: Readonly<Record<string, string>>;
}

const NAMED = ['bos_token', 'eos_token', 'unk_token', 'sep_token', 'pad_token', 'cls_token', 'mask_token'];

/** The files of a folder that say what its tokenizer is; {} where one is not there. */
export interface TokenizerFiles {
  /** tokenizer.json */
  readonly json: Json;
  /** tokenizer_config.json */
  readonly settings: Json;
  /** config.json */
  readonly config: Json;
  /** special_tokens_map.json and added_tokens.json, which older folders have. */
  readonly specialTokens: Json;
  readonly addedTokens: Json;
}

/**
 * What transformers' AutoTokenizer makes of a folder's files: some classes build a tokenizer of their own, and
 * tokenizer_config.json, or the files before it, add tokens to that of tokenizer.json or change how they are found.
 * @param where the folder, for messages @throws UserError
 */
export function asLoaded(files: TokenizerFiles, where: string): LoadedTokenizer {
  const { json, config } = files;
  const decoder = isRecord(files.settings.added_tokens_decoder) ? files.settings.added_tokens_decoder : null;
  const settings = decoder ? files.settings : withSpecialTokens(files.settings, files.specialTokens);
  if (settings.split_special_tokens === true) {
    throw new UserError('model', `${where}: tokenizer_config.json sets split_special_tokens, which is not supported.`);
  }
  const kind = classOf(json, settings, config, where);
  const own = listOf(json.added_tokens).map((token) => readAdded(token, token.id, false));
  const listed = decoder
    ? Object.entries(decoder).flatMap(([id, token]) => (isRecord(token) ? [readAdded(token, Number(id), false)] : []))
    : [];
  const older = decoder ? [] : olderTokens(files.addedTokens, settings, own, where);
  const parts = kind?.parts(settings, json);
  const rebuilt = parts ? { ...json, ...parts, model: rebuiltModel(json, parts.model) } : json;
  const { pad_token: padding } = isRecord(json.padding) ? json.padding : {};
  const defaults: Readonly<Record<string, string | null>> = kind?.defaults ?? { pad_token: tokenText(padding) };
  const named = Object.fromEntries(
    NAMED.flatMap((name) => {
      const text = settings[name] === undefined ? defaults[name] : tokenText(settings[name]);
      return text === undefined || text === null || text === '' ? [] : [[name, text]];
    }),
  );
  const extra = settings.extra_special_tokens ?? settings.additional_special_tokens;
  const others = Object.entries(settings).filter(
    ([name, value]) => name.endsWith('_token') && !NAMED.includes(name) && tokenText(value) !== null,
  );
  const ofOwn = [...others, ...(isRecord(extra) ? Object.entries(extra) : [])];
  const more = [...ofOwn.map(([, value]) => value), ...(Array.isArray(extra) ? extra : [])];
  const wanted = [
    ...Object.entries(named).map(([name, text]) => [settings[name], text] as const),
    ...more.map((value) => [value, tokenText(value) ?? ''] as const),
  ].filter(([, text]) => text !== '');

  // What is entered anew is special where it is named so, whatever its entry says.
  const names = new Set(Object.values(named));
  const entered = (token: AddedToken): AddedToken => (names.has(token.content) ? { ...token, special: true } : token);
  const first = kind && !decoder ? [...own, ...older].sort((a, b) => a.id - b.id).map(entered) : own;
  const tokens = new AddedTokens(rebuilt.model, kind && decoder ? [] : first);
  const later = [...listed, ...(kind ? [] : older)].filter(
    (token) => kind || !own.some((one) => isDeepStrictEqual(one, token)),
  );
  for (const token of later.sort((a, b) => a.id - b.id)) tokens.add(entered(token));
  for (const [value, text] of wanted) tokens.addIfMissing(value, text);
  const further = Object.fromEntries(ofOwn.map(([name, value]) => [name, tokenText(value) ?? '']));
  return { json: { ...rebuilt, added_tokens: tokens.list() }, special: named, further };
}

/** tokenizer_config.json with what special_tokens_map.json says over it; its extra tokens are more of them. */
function withSpecialTokens(settings: Json, map: Json): Json {
  const said = Object.entries(map).map(([name, value]): [string, unknown] =>
    isRecord(value) && name !== 'extra_special_tokens' ? [name, { ...value, special: true }] : [name, value],
  );
  const own = settings.extra_special_tokens ?? settings.additional_special_tokens;
  const both = Array.isArray(map.extra_special_tokens) && Array.isArray(own);
  return {
    ...settings,
    ...Object.fromEntries(said),
    ...(both ? { extra_special_tokens: [...own, ...(map.extra_special_tokens as unknown[])] } : {}),
  };
}

/** The tokens of added_tokens.json, but for numbers that tokenizer.json has: its own tokens count. */
function olderTokens(added: Json, settings: Json, own: readonly AddedToken[], where: string): AddedToken[] {
  const extra = settings.extra_special_tokens;
  const special = [...NAMED.map((name) => settings[name]), ...(Array.isArray(extra) ? extra : [])].map(tokenText);
  const tokens = Object.entries(added).map(([content, id]) => {
    if (typeof id === 'number' && Number.isSafeInteger(id) && id >= 0) {
      return readAdded({ content, special: special.includes(content) }, id, false);
    }
    throw new UserError(
      'model',
      `${where}: added_tokens.json gives ${JSON.stringify(content)} the number ${JSON.stringify(id)}; expected an integer of 0 or more.`,
    );
  });
  return tokens.filter(({ id }) => own.every((token) => token.id !== id));
}

/** A model of the class's own, with the file's vocabulary and merges. */
function rebuiltModel(json: Json, model: Json): Json {
  const { vocab, merges } = isRecord(json.model) ? json.model : {};
  return { type: 'BPE', ...model, vocab, merges };
}

function listOf(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.filter(isRecord) : [];
}

function readAdded(token: Readonly<Record<string, unknown>>, id: unknown, special: boolean): AddedToken {
  const isSpecial = typeof token.special === 'boolean' ? token.special : special;
  return {
    id: Number(id),
    content: String(token.content),
    single_word: token.single_word === true,
    lstrip: token.lstrip === true,
    rstrip: token.rstrip === true,
    normalized: typeof token.normalized === 'boolean' ? token.normalized : !isSpecial,
    special: isSpecial,
  };
}

/**
 * Tokens in the order in which they are added: those of the vocabulary have its number, others follow the last one,
 * whatever number a file gives them.
 */
class AddedTokens {
  readonly #tokens = new Map<string, AddedToken>();
  readonly #vocabulary: ReadonlyMap<string, number>;
  #last = -1;

  constructor(model: unknown, first: readonly AddedToken[]) {
    this.#vocabulary = vocabularyOf(model);
    for (const token of first) this.add(token);
  }

  add(token: AddedToken): void {
    if (token.content === '') return;
    const before = this.#tokens.get(token.content);
    const known = before?.id ?? this.#vocabulary.get(token.content);
    const id = known ?? Math.max(this.#vocabulary.size, this.#last + 1);
    this.#last = Math.max(this.#last, id);
    // What was special stays so: it is left out of texts.
    this.#tokens.set(token.content, { ...token, id, special: token.special || before?.special === true });
  }

  /** Adds a special token, unless it is there: then it is special from now on if it was named so. */
  addIfMissing(value: unknown, text: string): void {
    if (this.#tokens.has(text)) return;
    this.add(readAdded(isRecord(value) ? { ...value, special: true } : { content: text }, 0, true));
  }

  list(): AddedToken[] {
    return [...this.#tokens.values()];
  }
}

function vocabularyOf(model: unknown): ReadonlyMap<string, number> {
  const vocab = isRecord(model) ? model.vocab : undefined;
  if (Array.isArray(vocab))
    return new Map(vocab.map((entry, id) => [String(Array.isArray(entry) ? entry[0] : entry), id]));
  return new Map(isRecord(vocab) ? Object.entries(vocab).map(([token, id]) => [token, Number(id)]) : []);
}
