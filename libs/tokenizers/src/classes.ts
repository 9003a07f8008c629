import { isRecord, UserError } from '@sonde/base';

type Json = Readonly<Record<string, unknown>>;

/** What a class of transformers makes of a tokenizer.json: some take no more of it than vocabulary and merges. */
export interface TokenizerClass {
  /** The kind of its model; BPE where it is not said. */
  readonly type?: string;
  /** Special tokens that it names where tokenizer_config.json does not. */
  readonly defaults: Readonly<Record<string, string>>;
  /** Further special tokens that it has where tokenizer_config.json lists none. */
  readonly further?: readonly string[];
  /** Its special tokens are added once more in the end: as they are named, whatever an entry says of them. */
  readonly addsTwice?: boolean;
  /** Its own parts of tokenizer.json; those that it does not name stay. @param settings tokenizer_config.json */
  parts(settings: Json, json: Json): { readonly model: Json } & Json;
}

const EOT = '<|endoftext|>';
const WHOLE = { unk_token: EOT, bos_token: EOT, eos_token: EOT };
const BPE = {
  dropout: null,
  unk_token: null,
  continuing_subword_prefix: '',
  end_of_word_suffix: '',
  fuse_unk: false,
  byte_fallback: false,
  ignore_merges: false,
};
const BYTES_BACK = { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true };
const PIECES_BACK = [
  { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
  { type: 'ByteFallback' },
  { type: 'Fuse' },
];
const QWEN =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

function byteLevel(settings: Json, more: Json = {}): Json {
  const prefix = settings.add_prefix_space === true;
  return { type: 'ByteLevel', add_prefix_space: prefix, trim_offsets: true, use_regex: true, ...more };
}

const BERT: TokenizerClass = {
  type: 'WordPiece',
  defaults: {
    unk_token: '[UNK]',
    sep_token: '[SEP]',
    pad_token: '[PAD]',
    cls_token: '[CLS]',
    mask_token: '[MASK]',
  },
  parts(settings) {
    return {
      model: {
        type: 'WordPiece',
        unk_token: tokenText(settings.unk_token) ?? '[UNK]',
        continuing_subword_prefix: '##',
        max_input_chars_per_word: 100,
      },
      normalizer: {
        type: 'BertNormalizer',
        clean_text: true,
        handle_chinese_chars: settings.tokenize_chinese_chars !== false,
        strip_accents: settings.strip_accents ?? null,
        lowercase: settings.do_lower_case !== false,
      },
      pre_tokenizer: { type: 'BertPreTokenizer' },
      decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
      post_processor: around(settings, ['cls_token', 'sep_token'], ['[CLS]', '[SEP]']),
    };
  },
};

const WRAPPED = { bos_token: '<s>', eos_token: '</s>', sep_token: '</s>', cls_token: '<s>', unk_token: '<unk>' };

/** The first of the names, else the second, around a text. */
function around(settings: Json, [first, last]: readonly [string, string], usual: readonly [string, string]): Json {
  const [before, after] = [tokenText(settings[first]) ?? usual[0], tokenText(settings[last]) ?? usual[1]];
  const single = [{ SpecialToken: { id: before } }, { Sequence: { id: 'A' } }, { SpecialToken: { id: after } }];
  return { type: 'TemplateProcessing', single, pair: single };
}

/** What Precompiled normalizers there are in a tokenizer.json. */
function precompiled(normalizer: unknown): Json | null {
  if (!isRecord(normalizer)) return null;
  const inner = Array.isArray(normalizer.normalizers) ? normalizer.normalizers : [normalizer];
  return inner.filter(isRecord).find(({ type }) => type === 'Precompiled') ?? null;
}

const ROBERTA: TokenizerClass = {
  defaults: { ...WRAPPED, pad_token: '<pad>', mask_token: '<mask>' },
  parts: (settings) => ({
    model: BPE,
    normalizer: null,
    pre_tokenizer: byteLevel(settings),
    decoder: BYTES_BACK,
    post_processor: {
      type: 'RobertaProcessing',
      cls: [tokenText(settings.cls_token) ?? '<s>'],
      sep: [tokenText(settings.sep_token) ?? '</s>'],
      trim_offsets: settings.trim_offsets !== false,
      add_prefix_space: settings.add_prefix_space === true,
    },
  }),
};

const XLM_ROBERTA: TokenizerClass = {
  type: 'Unigram',
  defaults: ROBERTA.defaults,
  parts(settings, json) {
    const scheme = settings.add_prefix_space === false ? 'never' : 'always';
    const metaspace = { type: 'Metaspace', replacement: '▁', prepend_scheme: scheme, split: true };
    return {
      model: { type: 'Unigram', unk_id: 3, byte_fallback: false },
      normalizer: precompiled(json.normalizer),
      pre_tokenizer: { type: 'Sequence', pretokenizers: [{ type: 'WhitespaceSplit' }, metaspace] },
      decoder: metaspace,
      post_processor: around(settings, ['bos_token', 'eos_token'], ['<s>', '</s>']),
    };
  },
};

const XGLM: TokenizerClass = {
  type: 'Unigram',
  defaults: { ...WRAPPED, pad_token: '<pad>' },
  further: Array.from({ length: 7 }, (_, i) => `<madeupword${i}>`),
  parts(settings, json) {
    const scheme = settings.add_prefix_space === false ? 'never' : 'always';
    const metaspace = { type: 'Metaspace', replacement: '▁', prepend_scheme: scheme, split: true };
    const first = precompiled(json.normalizer);
    const single = [{ SpecialToken: { id: tokenText(settings.eos_token) ?? '</s>' } }, { Sequence: { id: 'A' } }];
    return {
      model: { type: 'Unigram', unk_id: 3, byte_fallback: false },
      normalizer: {
        type: 'Sequence',
        normalizers: [...(first ? [first] : []), { type: 'Replace', pattern: { Regex: ' {2,}' }, content: ' ' }],
      },
      pre_tokenizer: metaspace,
      decoder: metaspace,
      post_processor: { type: 'TemplateProcessing', single, pair: single },
    };
  },
};

const DEBERTA_V2: TokenizerClass = {
  type: 'Unigram',
  defaults: {
    bos_token: '[CLS]',
    eos_token: '[SEP]',
    unk_token: '[UNK]',
    sep_token: '[SEP]',
    pad_token: '[PAD]',
    cls_token: '[CLS]',
    mask_token: '[MASK]',
  },
  parts(settings, json) {
    const unknown = tokenText(settings.unk_token) ?? '[UNK]';
    const { vocab } = isRecord(json.model) ? json.model : {};
    const at = Array.isArray(vocab) ? vocab.findIndex(([token, score]) => token === unknown && score === 0) : -1;
    const usual = typeof settings.unk_id === 'number' ? settings.unk_id : 1;
    const scheme = settings.add_prefix_space === false ? 'first' : 'always';
    const metaspace = { type: 'Metaspace', replacement: '▁', prepend_scheme: scheme, split: true };
    const punctuation = settings.split_by_punct === true ? [{ type: 'Punctuation', behavior: 'Isolated' }] : [];
    return {
      model: { type: 'Unigram', unk_id: at < 0 ? usual : at, byte_fallback: false },
      normalizer: {
        type: 'Sequence',
        normalizers: [
          ...(settings.do_lower_case === true ? [{ type: 'Lowercase' }] : []),
          { type: 'Replace', pattern: { Regex: '\\s{2,}|[\\n\\r\\t]' }, content: ' ' },
          { type: 'NFC' },
          { type: 'Strip', strip_left: false, strip_right: true },
        ],
      },
      pre_tokenizer: { type: 'Sequence', pretokenizers: [...punctuation, metaspace] },
      decoder: metaspace,
      post_processor: around(settings, ['cls_token', 'sep_token'], ['[CLS]', '[SEP]']),
    };
  },
};

/** The classes of transformers 5 that build a tokenizer anew, and how. */
export const CLASSES: ReadonlyMap<string, TokenizerClass> = new Map<string, TokenizerClass>([
  [
    'GPT2Tokenizer',
    {
      defaults: WHOLE,
      parts: (settings) => ({
        model: BPE,
        normalizer: null,
        pre_tokenizer: byteLevel(settings),
        decoder: BYTES_BACK,
      }),
    },
  ],
  [
    'CodeGenTokenizer',
    {
      defaults: WHOLE,
      parts: (settings) => ({
        model: BPE,
        normalizer: null,
        pre_tokenizer: byteLevel(settings),
        decoder: BYTES_BACK,
      }),
    },
  ],
  [
    'GPTNeoXTokenizer',
    {
      defaults: { ...WHOLE, pad_token: '<|padding|>' },
      parts: (settings) => ({
        model: BPE,
        normalizer: { type: 'NFC' },
        pre_tokenizer: byteLevel(settings),
        decoder: BYTES_BACK,
        post_processor: null,
      }),
    },
  ],
  [
    'Qwen2Tokenizer',
    {
      defaults: { unk_token: EOT, eos_token: EOT, pad_token: EOT },
      parts: (settings) => ({
        model: BPE,
        normalizer: { type: 'NFC' },
        pre_tokenizer: {
          type: 'Sequence',
          pretokenizers: [
            { type: 'Split', pattern: { Regex: QWEN }, behavior: 'Isolated', invert: false },
            byteLevel(settings, { use_regex: false }),
          ],
        },
        decoder: BYTES_BACK,
      }),
    },
  ],
  [
    'CohereTokenizer',
    {
      defaults: {
        unk_token: '<UNK>',
        bos_token: '<BOS_TOKEN>',
        eos_token: '<|END_OF_TURN_TOKEN|>',
        pad_token: '<PAD>',
        cls_token: '<CLS>',
        sep_token: '<SEP>',
        mask_token: '<MASK_TOKEN>',
      },
      addsTwice: true,
      parts: (settings) => ({
        model: BPE,
        normalizer: { type: 'NFC' },
        pre_tokenizer: {
          type: 'Sequence',
          pretokenizers: [{ type: 'Digits', individual_digits: true }, byteLevel(settings)],
        },
        decoder: BYTES_BACK,
      }),
    },
  ],
  [
    'GemmaTokenizer',
    {
      defaults: {
        unk_token: '<unk>',
        bos_token: '<bos>',
        eos_token: '<eos>',
        pad_token: '<pad>',
        mask_token: '<mask>',
      },
      parts: (settings) => ({
        model: { ...BPE, unk_token: tokenText(settings.unk_token) ?? '<unk>', fuse_unk: true, byte_fallback: true },
        normalizer: { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
        pre_tokenizer: { type: 'Split', pattern: { String: ' ' }, behavior: 'MergedWithPrevious', invert: false },
        decoder: { type: 'Sequence', decoders: PIECES_BACK },
      }),
    },
  ],
  ['RobertaTokenizer', ROBERTA],
  ['XLMRobertaTokenizer', XLM_ROBERTA],
  ['XGLMTokenizer', XGLM],
  ['DebertaV2Tokenizer', DEBERTA_V2],
  ...['BertTokenizer', 'DistilBertTokenizer', 'ElectraTokenizer'].map((name) => [name, BERT] as const),
  [
    'LlamaTokenizer',
    {
      defaults: { unk_token: '<unk>', bos_token: '<s>', eos_token: '</s>' },
      parts: (settings) => {
        const prefix = settings.add_prefix_space !== false;
        const scheme = !prefix ? 'never' : settings.legacy === true ? 'always' : 'first';
        const strip = prefix ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : [];
        return {
          model: { ...BPE, fuse_unk: true, byte_fallback: true },
          normalizer: null,
          pre_tokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme: scheme, split: false },
          decoder: { type: 'Sequence', decoders: [...PIECES_BACK, ...strip] },
        };
      },
    },
  ],
]);

/** Classes of transformers that build a tokenizer anew in a way that is not known here. */
const OTHERS = new Set(
  (
    'Albert Barthez Bartpho BertGeneration BertJapanese Bertweet BigBird BioGpt Blenderbot BlenderbotSmall ByT5 CLIP CTRL ' +
    'Camembert Canine CodeLlama CpmAnt Cpm Deberta FNet Funnel GPTNeoXJapanese GPTSw3 Herbert Luke M2M100 MBart MBart50 ' +
    'MPNet Marian MarkupLM Nllb Nougat OpenAIGPT Pegasus Phobert PLBart Qwen3_5 Reformer RemBert SeamlessM4T Splinter T5 ' +
    'Udop Whisper XLM XLNet'
  )
    .split(' ')
    .map((name) => `${name}Tokenizer`),
);

/** What transformers takes for a kind of model where nothing else is said. */
const OF_MODEL: ReadonlyMap<string, string> = new Map([
  ['roberta', 'RobertaTokenizer'],
  ['xlm-roberta', 'XLMRobertaTokenizer'],
  ['xglm', 'XGLMTokenizer'],
  ['deberta', 'DebertaTokenizer'],
  ['deberta-v2', 'DebertaV2Tokenizer'],
  ['modernbert', 'file'],
  ['bert', 'BertTokenizer'],
  ['distilbert', 'BertTokenizer'],
  ['electra', 'BertTokenizer'],
  ...['gemma', 'gemma2', 'gemma3', 'gemma3_text'].map((type) => [type, 'GemmaTokenizer'] as const),
  ...['codegen', 'gpt2', 'gpt_neo', 'gptj', 'jais2', 'opt', 'phi', 'starcoder2'].map(
    (type) => [type, 'GPT2Tokenizer'] as const,
  ),
  ...['gpt_neox', 'mpt', 'olmo', 'olmoe'].map((type) => [type, 'GPTNeoXTokenizer'] as const),
  ...['qwen2', 'qwen2_moe', 'qwen3', 'qwen3_moe'].map((type) => [type, 'Qwen2Tokenizer'] as const),
  ...['cohere', 'cohere2'].map((type) => [type, 'CohereTokenizer'] as const),
  ...(
    'ernie4_5 ernie4_5_moe flex_olmo glm glm4 glm4_moe gpt_bigcode granite granitemoe granitemoehybrid granitemoeshared ' +
    'minimax_m2 ministral ministral3 mistral mixtral nemotron olmo2 olmo3 phi3 phimoe stablelm'
  )
    .split(' ')
    .map((type) => [type, 'file'] as const),
]);

/** Kinds of models whose published files name a wrong class; transformers goes by the kind. */
const NAMED_WRONGLY = new Set(['modernbert', 'nemotron', 'phi3', 'qwen2']);

const FROM_FILE = new Set(['TokenizersBackend', 'PythonBackend', 'PreTrainedTokenizer']);

function plainName(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value.replace(/Fast$/, '') : null;
}

/**
 * The class that transformers 5 loads a folder's tokenizer with; null where that takes tokenizer.json as it is.
 * @param settings tokenizer_config.json; `json` is tokenizer.json, `config` config.json
 * @throws UserError if it is one that cannot be followed
 */
export function classOf(json: Json, settings: Json, config: Json, where: string): TokenizerClass | null {
  const type = typeof config.model_type === 'string' ? config.model_type : '';
  const ofModel = OF_MODEL.get(type);
  const declared = plainName(settings.tokenizer_class) ?? plainName(config.tokenizer_class);
  const name = chosen(json, type, ofModel, declared);
  if (name === null || name === 'file' || FROM_FILE.has(name)) return null;
  if (OTHERS.has(name)) {
    throw new UserError(
      'model',
      `${where}: tokenizer_class ${name} is not supported: transformers makes a tokenizer of its own of it, whatever tokenizer.json says.`,
      'Load it with transformers, save tokenizer.backend_tokenizer as tokenizer.json, and name the class PreTrainedTokenizerFast.',
    );
  }
  const found = CLASSES.get(name) ?? null;
  const model = isRecord(json.model) ? json.model : {};
  const expected = found?.type ?? 'BPE';
  if (found && model.type !== undefined && model.type !== expected) {
    throw new UserError(
      'model',
      `${where}: tokenizer_class ${name} makes a ${expected} tokenizer, and tokenizer.json holds ${JSON.stringify(model.type)}.`,
    );
  }
  return found;
}

function chosen(json: Json, type: string, ofModel: string | undefined, declared: string | null): string | null {
  const wrongly = NAMED_WRONGLY.has(type);
  if (declared === 'LlamaTokenizer' && !wrongly && JSON.stringify(json).includes('"ByteLevel"')) return null;
  if (declared === null) return ofModel ?? null;
  if (ofModel === undefined || ofModel === declared) return declared;
  return ofModel === 'file' || wrongly ? ofModel : declared;
}

/** The text of a token in tokenizer_config.json: a string, or an object with `content`. */
export function tokenText(value: unknown): string | null {
  if (typeof value === 'string') return value;
  return isRecord(value) && typeof value.content === 'string' ? value.content : null;
}
