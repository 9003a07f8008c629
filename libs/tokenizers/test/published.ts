import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { byteCharacters } from './byte-tokenizer.ts';

/** A tokenizer as people publish them, and what transformers makes of texts: made by as-transformers.py. */
export interface PublishedCase {
  readonly name: string;
  readonly base: 'byte' | 'piece' | 'words' | 'pieces';
  readonly parts: Readonly<Record<string, unknown>>;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly modelType: string;
  /** Files of older folders. */
  readonly beside?: Readonly<Record<string, unknown>>;
  /** What "a . b , c ? n't" is after encoding and decoding. */
  readonly cleaned: string;
  /** Text, ids, offsets and the text that ids decode to. */
  readonly rows: readonly (readonly [string, string, string, string])[];
}

export const published: readonly PublishedCase[] = JSON.parse(
  readFileSync(join(import.meta.dirname, 'as-transformers.json'), 'utf8'),
);

const BYTE_MERGES = ['Ġ t', 't h', 'th e', 'Ġt h', 'Ġth e', 'Ġ a', 'o n', '1 2', 'Ġ Ġ'];
const PIECE_MERGES = ['▁ ▁', '▁▁ ▁', '▁ t', '▁ a', 't h', '▁t h'];

function range(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, i) => String.fromCodePoint(from + i));
}

function numbered(words: readonly string[]): Record<string, number> {
  return Object.fromEntries([...new Set(words)].map((word, id) => [word, id]));
}

function special(content: string, id: number) {
  return { id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
}

const BPE = { type: 'BPE', dropout: null, continuing_subword_prefix: null, end_of_word_suffix: null };

function byte() {
  const vocab = ['<|endoftext|>', ...byteCharacters(), ...BYTE_MERGES.map((merge) => merge.replaceAll(' ', ''))];
  return {
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
    post_processor: null,
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      ...BPE,
      unk_token: null,
      fuse_unk: false,
      byte_fallback: false,
      vocab: numbered(vocab),
      merges: BYTE_MERGES,
    },
  };
}

function piece() {
  const bytes = Array.from({ length: 256 }, (_, i) => `<0x${i.toString(16).toUpperCase().padStart(2, '0')}>`);
  const merged = ['▁t', '▁a', 'th', '▁th', 'é'];
  const vocab = ['<unk>', '<s>', '</s>', '▁▁', '▁▁▁', '▁', ...bytes, ...range(33, 127), ...merged];
  return {
    added_tokens: ['<unk>', '<s>', '</s>'].map(special),
    normalizer: null,
    pre_tokenizer: null,
    post_processor: null,
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        { type: 'Strip', content: ' ', start: 1, stop: 0 },
      ],
    },
    model: {
      ...BPE,
      unk_token: '<unk>',
      fuse_unk: true,
      byte_fallback: true,
      vocab: numbered(vocab),
      merges: PIECE_MERGES,
    },
  };
}

function words() {
  const letters = range(97, 123);
  const vocab = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', ...letters, ...letters.map((letter) => `##${letter}`)];
  vocab.push(...'0123456789.,<>/|\u4e2d', 'the', '##e', 'C', 'caf', 'Caf', '##é');
  return {
    added_tokens: [],
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: null,
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: numbered(vocab),
    },
  };
}

function pieces() {
  const first = ['<s>', '<pad>', '</s>', '<unk>', '[CLS]', '[SEP]', '[UNK]'];
  const vocab = [...first, '▁', '▁t', '▁th', 'the', 'st', 'on', '▁a', ...range(33, 127), 'é', '1', 'fi'];
  return {
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: null,
    post_processor: null,
    decoder: null,
    model: {
      type: 'Unigram',
      unk_id: 3,
      byte_fallback: false,
      vocab: [...new Set(vocab)].map((word, i) => [word, i < first.length ? 0 : -1 - i / 16]),
    },
  };
}

const BASES = { byte, piece, words, pieces };

/** Writes the files of a case. @returns their folder */
export async function writePublished(
  folder: string,
  {
    base,
    parts,
    settings,
    modelType,
    beside = {},
  }: Pick<PublishedCase, 'base' | 'parts' | 'settings' | 'modelType' | 'beside'>,
): Promise<string> {
  await mkdir(folder, { recursive: true });
  const write = (name: string, value: unknown) => writeFile(join(folder, name), JSON.stringify(value));
  await write('tokenizer.json', { version: '1.0', ...BASES[base](), ...parts });
  await write('tokenizer_config.json', settings);
  await write('config.json', { model_type: modelType });
  for (const [name, value] of Object.entries(beside)) await write(name, value);
  return folder;
}
