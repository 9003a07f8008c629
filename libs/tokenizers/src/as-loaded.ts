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
  /** Written in texts as it is after normalisation: it was looked for so, if only in an entry before its last. */
  readonly writtenNormalized: boolean;
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
  const renamed = withExtraTokens(files.settings);
  const settings = withExtraTokens(decoder ? renamed : withSpecialTokens(renamed, files.specialTokens));
  if (settings.split_special_tokens === true) {
    throw new UserError('model', `${where}: tokenizer_config.json sets split_special_tokens, which is not supported.`);
  }
  const kind = classOf(json, settings, config, where);
  const own = listOf(json.added_tokens).map((token) => ({ id: Number(token.id), token: readAdded(token) }));
  const listed = decoder
    ? Object.entries(decoder).flatMap(([id, token]) =>
        isRecord(token) ? [{ id: Number(id), token: readAdded(token) }] : [],
      )
    : [...olderTokens(files.addedTokens, settings, own, where), ...own];
  const parts = kind?.parts(settings, json);
  const rebuilt = parts ? { ...json, ...parts, model: rebuiltModel(json, parts.model) } : json;
  const { pad_token: padding } = isRecord(json.padding) ? json.padding : {};
  const defaults: Readonly<Record<string, string | null>> = kind?.defaults ?? { pad_token: tokenText(padding) };
  const entries = new Map(listed.map(({ token }) => [token.content, token]));
  const named = NAMED.flatMap((name): [string, string | Entry][] => {
    const value = settings[name] === undefined ? defaults[name] : settings[name];
    const text = tokenText(value);
    if (text === null || text === '') return [];
    const entry = settings[name] === undefined ? undefined : entries.get(text);
    return [[name, entry ?? (isRecord(value) ? readAdded(value) : text)]];
  });
  const extra = settings.extra_special_tokens;
  const others = Object.entries(settings).filter(
    ([name, value]) => name.endsWith('_token') && !NAMED.includes(name) && tokenText(value) !== null,
  );
  const ofOwn = [...others, ...(isRecord(extra) ? Object.entries(extra) : [])];
  const called = [...named.map(([, value]) => value), ...ofOwn.map(([, value]) => entryOf(value))];
  const isGiven = isRecord(extra) || (Array.isArray(extra) && extra.length > 0);
  const more = (isGiven ? (Array.isArray(extra) ? extra : []) : (kind?.further ?? [])).map(entryOf);

  const tokens = new AddedTokens(rebuilt.model);
  if (!kind) for (const { token } of own) tokens.add(token);
  const wanted: (string | Entry)[] = listed
    .filter(({ id }, at) => listed.findLastIndex((each) => each.id === id) === at)
    .sort((a, b) => a.id - b.id)
    .map(({ token }) => token);
  const known = new Set([...tokens.list().map(({ content }) => content), ...wanted.map(contentOf)]);
  for (const value of [...called, ...more]) {
    if (!known.has(contentOf(value)) && !wanted.some((one) => isDeepStrictEqual(one, value))) wanted.push(value);
  }
  const names = new Set(called.map(contentOf));
  // What is named so is special, whatever its entry says.
  for (const value of wanted)
    tokens.add(typeof value === 'string' || names.has(value.content) ? special(value) : value);
  if (kind?.addsTwice) for (const value of [...called, ...more]) tokens.add(special(value));
  return {
    json: { ...rebuilt, added_tokens: tokens.list() },
    special: Object.fromEntries(named.map(([name, value]) => [name, contentOf(value)])),
    further: Object.fromEntries(ofOwn.map(([name, value]) => [name, tokenText(value) ?? ''])),
  };
}

/** Extra tokens under their new name, which counts where there is more under it than nothing. */
function withExtraTokens(settings: Json): Json {
  const { additional_special_tokens: older, ...rest } = settings;
  const { extra_special_tokens: extra } = rest;
  const isNone = extra === undefined || extra === null || (Array.isArray(extra) && extra.length === 0);
  return older === undefined || !isNone ? rest : { ...rest, extra_special_tokens: older };
}

/** tokenizer_config.json with what special_tokens_map.json says over it; its extra tokens are more of them. */
function withSpecialTokens(settings: Json, map: Json): Json {
  const asSpecial = (value: unknown): unknown => (isRecord(value) ? { ...value, special: true } : value);
  const said = Object.entries(map).map(([name, value]): [string, unknown] => {
    if (name !== 'extra_special_tokens') return [name, asSpecial(value)];
    const own = settings.extra_special_tokens;
    return [name, Array.isArray(value) ? [...(Array.isArray(own) ? own : []), ...value.map(asSpecial)] : value];
  });
  return { ...settings, ...Object.fromEntries(said) };
}

/** The tokens of added_tokens.json, but for numbers that tokenizer.json has: its own tokens count. */
function olderTokens(added: Json, settings: Json, own: readonly Numbered[], where: string): Numbered[] {
  const extra = settings.extra_special_tokens;
  const special = [...NAMED.map((name) => settings[name]), ...(Array.isArray(extra) ? extra : [])].map(tokenText);
  const tokens = Object.entries(added).map(([content, id]) => {
    if (typeof id === 'number' && Number.isSafeInteger(id) && id >= 0) {
      return { id, token: readAdded({ content, special: special.includes(content) }) };
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

/** A token as a file writes it; where it is looked for follows from `special` if it is not said. */
interface Entry extends Omit<AddedToken, 'id' | 'normalized' | 'writtenNormalized'> {
  readonly normalized: boolean | undefined;
}

interface Numbered {
  readonly id: number;
  readonly token: Entry;
}

function readAdded(token: Json): Entry {
  return {
    content: String(token.content),
    single_word: token.single_word === true,
    lstrip: token.lstrip === true,
    rstrip: token.rstrip === true,
    normalized: typeof token.normalized === 'boolean' ? token.normalized : undefined,
    special: token.special === true,
  };
}

/** A token in a list or under a name of tokenizer_config.json. */
function entryOf(value: unknown): string | Entry {
  return isRecord(value) ? readAdded(value) : String(value);
}

function contentOf(value: string | Entry): string {
  return typeof value === 'string' ? value : value.content;
}

function special(value: string | Entry): Entry {
  return { ...(typeof value === 'string' ? readAdded({ content: value }) : value), special: true };
}

/**
 * Tokens in the order in which they are added: those of the vocabulary have its number, others follow the last one,
 * whatever number a file gives them.
 */
class AddedTokens {
  readonly #tokens = new Map<string, AddedToken>();
  readonly #vocabulary: ReadonlyMap<string, number>;
  #last = -1;

  constructor(model: unknown) {
    this.#vocabulary = vocabularyOf(model);
  }

  add(token: Entry): void {
    if (token.content === '') return;
    const before = this.#tokens.get(token.content);
    const known = before?.id ?? this.#vocabulary.get(token.content);
    const id = known ?? Math.max(this.#vocabulary.size, this.#last + 1);
    this.#last = Math.max(this.#last, id);
    // What was special stays so: it is left out of texts.
    const isSpecial = token.special || before?.special === true;
    const { normalized = !token.special } = token;
    const writtenNormalized = normalized || before?.writtenNormalized === true;
    this.#tokens.set(token.content, { ...token, id, normalized, special: isSpecial, writtenNormalized });
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
