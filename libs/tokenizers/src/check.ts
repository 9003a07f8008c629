import { isRecord, UserError } from '@sonde/base';

const MODELS = ['BPE', 'Unigram', 'WordLevel', 'WordPiece'];

/**
 * Looks at what of a tokenizer.json is read before it runs, so that a message says where it is not what it should be.
 * @throws UserError
 */
export function checkTokenizerJson(json: Readonly<Record<string, unknown>>, path: string): void {
  const fail: Fail = (place, value, expected) => {
    const found = value === undefined ? 'is missing' : `is ${shown(value)}`;
    throw new UserError('model', `${path}: ${place} ${found}; expected ${expected}.`, 'Fetch the file again.');
  };
  const { model, added_tokens: added } = json;
  if (!isRecord(model)) fail('model', model, 'an object');
  if (model.type !== undefined && !MODELS.some((type) => type === model.type)) {
    fail('model.type', model.type, `one of ${MODELS.join(', ')}`);
  }
  checkVocabulary(model, fail);
  checkMerges(model, fail);
  for (const part of ['normalizer', 'pre_tokenizer', 'post_processor', 'decoder']) {
    const value = json[part];
    if (value !== undefined && value !== null) checkPart(value, part, fail);
  }
  if (added !== undefined && !Array.isArray(added)) fail('added_tokens', added, 'a list');
  for (const [i, token] of ((added ?? []) as unknown[]).entries()) {
    if (!isRecord(token)) fail(`added_tokens[${i}]`, token, 'an object');
    const { content, id } = token as Record<string, unknown>;
    if (typeof content !== 'string') fail(`added_tokens[${i}].content`, content, 'a text');
    if (!isId(id)) fail(`added_tokens[${i}].id`, id, 'an integer of 0 or more');
  }
}

type Fail = (place: string, value: unknown, expected: string) => never;

function isId(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function checkVocabulary({ type, vocab }: Record<string, unknown>, fail: Fail): void {
  if (type === 'Unigram') {
    if (!Array.isArray(vocab)) fail('model.vocab', vocab, 'a list of pairs of a token and its score');
    const wrong = vocab.findIndex(
      (entry) => !(Array.isArray(entry) && typeof entry[0] === 'string' && typeof entry[1] === 'number'),
    );
    if (wrong >= 0) fail(`model.vocab[${wrong}]`, vocab[wrong], 'a pair of a token and its score');
    return;
  }
  if (type === undefined && Array.isArray(vocab)) return;
  if (!isRecord(vocab)) fail('model.vocab', vocab, 'an object of tokens and their numbers');
  const wrong = Object.keys(vocab).find((token) => !isId(vocab[token]));
  if (wrong !== undefined) fail(`model.vocab[${JSON.stringify(wrong)}]`, vocab[wrong], 'an integer of 0 or more');
}

function checkMerges({ type, merges, continuing_subword_prefix: prefix }: Record<string, unknown>, fail: Fail): void {
  if (type === 'BPE' && (prefix ?? '') !== '') fail('model.continuing_subword_prefix', prefix, 'none for BPE');
  if (type !== 'BPE' && merges === undefined) return;
  if (!Array.isArray(merges)) fail('model.merges', merges, 'a list of pairs of tokens');
  const isPair = (merge: unknown): boolean =>
    typeof merge === 'string'
      ? merge.split(' ').length === 2
      : Array.isArray(merge) && merge.length === 2 && merge.every((half) => typeof half === 'string');
  const asLists = Array.isArray(merges[0]);
  const wrong = merges.findIndex((merge) => !isPair(merge) || Array.isArray(merge) !== asLists);
  if (wrong >= 0) fail(`model.merges[${wrong}]`, merges[wrong], 'two tokens, as the others are written');
}

function checkPart(value: unknown, place: string, fail: Fail): void {
  if (!isRecord(value)) fail(place, value, 'an object with a type, or null');
  if (typeof value.type !== 'string') fail(`${place}.type`, value.type, 'a text');
  const lists = ['normalizers', 'pretokenizers', 'processors', 'decoders'];
  for (const name of lists) {
    const inner = value[name];
    if (inner === undefined) continue;
    if (!Array.isArray(inner)) fail(`${place}.${name}`, inner, 'a list');
    for (const [i, part] of (inner as unknown[]).entries()) checkPart(part, `${place}.${name}[${i}]`, fail);
  }
  const fields = Object.hasOwn(FIELDS, value.type) ? FIELDS[value.type]! : {};
  for (const [name, kind] of Object.entries(fields)) {
    const given = value[name];
    if (given === undefined && !REQUIRED.has(name)) continue;
    if (!KINDS[kind][0](given)) fail(`${place}.${name}`, given, KINDS[kind][1]);
  }
}

type Kind = 'flag' | 'text' | 'whole' | 'pattern' | 'pieces' | 'pair' | 'object';

/** What each kind of field is, in code and in words. */
const KINDS: Readonly<Record<Kind, readonly [(value: unknown) => boolean, string]>> = {
  flag: [(value) => typeof value === 'boolean', 'true or false'],
  text: [(value) => typeof value === 'string', 'a text'],
  whole: [isId, 'an integer of 0 or more'],
  object: [isRecord, 'an object'],
  pattern: [
    (value) => isRecord(value) && (typeof value.String === 'string' || typeof value.Regex === 'string'),
    'an object with a text under String or Regex',
  ],
  pieces: [
    (value) => Array.isArray(value) && value.every(isPiece),
    'a list of objects with SpecialToken or Sequence, each with an id',
  ],
  pair: [
    (value) => Array.isArray(value) && typeof value[0] === 'string' && isId(value[1]),
    'a pair of a token and its number',
  ],
};

function isPiece(value: unknown): boolean {
  const inner = isRecord(value) ? (value.SpecialToken ?? value.Sequence) : undefined;
  return isRecord(inner) && typeof inner.id === 'string';
}

/** Fields that a part cannot do without. */
const REQUIRED: ReadonlySet<string> = new Set(['pattern', 'precompiled_charsmap', 'prepend', 'single', 'cls', 'sep']);

/** The fields of parts that are read, by the part's type. */
const FIELDS: Readonly<Record<string, Readonly<Record<string, Kind>>>> = {
  BertProcessing: { cls: 'pair', sep: 'pair' },
  ByteLevel: { add_prefix_space: 'flag', trim_offsets: 'flag', use_regex: 'flag' },
  Digits: { individual_digits: 'flag' },
  Metaspace: { replacement: 'text', prepend_scheme: 'text', split: 'flag' },
  Precompiled: { precompiled_charsmap: 'text' },
  Prepend: { prepend: 'text' },
  Punctuation: { behavior: 'text' },
  Replace: { pattern: 'pattern', content: 'text' },
  RobertaProcessing: { cls: 'pair', sep: 'pair' },
  Split: { pattern: 'pattern', behavior: 'text', invert: 'flag' },
  Strip: { strip_left: 'flag', strip_right: 'flag', content: 'text', start: 'whole', stop: 'whole' },
  TemplateProcessing: { single: 'pieces', pair: 'pieces', special_tokens: 'object' },
  WordPiece: { prefix: 'text', cleanup: 'flag' },
};

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
