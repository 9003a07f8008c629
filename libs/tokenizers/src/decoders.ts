import { isRecord, UserError } from '@sonde/base';
import { bytesOf } from './byte-level.ts';
import { BYTE_TOKENS } from './models/model.ts';
import { type Pattern, patternOf } from './patterns.ts';

/** Turns tokens into texts that are joined, as Hugging Face's tokenizers do. */
export type Decoder = (tokens: readonly string[]) => readonly string[];

/** @param config the part of tokenizer.json @throws UserError if it is one that is not known */
export function decoderOf(config: unknown): Decoder {
  // Without one, tokens are words.
  if (!isRecord(config)) return (tokens) => [tokens.join(' ')];
  switch (config.type) {
    case 'Sequence': {
      const all = (Array.isArray(config.decoders) ? config.decoders : []).map(decoderOf);
      return (tokens) => all.reduce((texts, each) => each(texts), tokens);
    }
    case 'ByteLevel':
      return joinCharacters;
    case 'ByteFallback':
      return joinByteTokens;
    case 'Fuse':
      return (tokens) => [tokens.join('')];
    case 'Replace': {
      const [pattern, content] = [patternOf(config.pattern), String(config.content ?? '')];
      return (tokens) => tokens.map((token) => replaced(token, pattern, content));
    }
    case 'Strip': {
      const { content = ' ', start, stop } = config;
      return (tokens) => tokens.map((token) => stripped([...token], String(content), Number(start), Number(stop)));
    }
    case 'Metaspace': {
      const { replacement = '▁', prepend_scheme: scheme = 'always', add_prefix_space: prefix } = config;
      const prepended = prefix !== false && scheme !== 'never';
      // The first token loses all its spaces where one was put before the text.
      return (tokens) =>
        tokens.map((token, at) => token.replaceAll(String(replacement), at === 0 && prepended ? '' : ' '));
    }
    case 'BPEDecoder': {
      const { suffix = '</w>' } = config;
      return (tokens) =>
        tokens.map((token, at) => token.replaceAll(String(suffix), at === tokens.length - 1 ? '' : ' '));
    }
    case 'WordPiece': {
      const { prefix = '##', cleanup = true } = config;
      return (tokens) => tokens.map((token, at) => wordPiece(token, at === 0, String(prefix), cleanup === true));
    }
    case 'CTC':
      return ctc(config);
    default:
      throw new UserError('model', `tokenizer.json: the decoder ${JSON.stringify(config.type)} is not supported.`);
  }
}

const UTF8 = new TextDecoder('utf-8', { ignoreBOM: true });
const STRICT_UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Characters that stand for bytes, in added tokens too; a token with others is as it is written. */
const joinCharacters: Decoder = (tokens) => {
  const bytes = tokens.flatMap((token) => bytesOf(token) ?? [...Buffer.from(token)]);
  return [UTF8.decode(Uint8Array.from(bytes))];
};

function textOfRun(bytes: readonly number[]): string[] {
  if (bytes.length === 0) return [];
  try {
    return [STRICT_UTF8.decode(Uint8Array.from(bytes))];
  } catch {
    return bytes.map(() => '\uFFFD');
  }
}

/** A run of byte tokens that is not valid UTF-8 becomes one U+FFFD for each of its bytes. */
export const joinByteTokens: Decoder = (tokens) => {
  const out: string[] = [];
  let run: number[] = [];
  for (const token of tokens) {
    const byte = token.length === 6 ? BYTE_TOKENS.indexOf(`<0x${token.slice(3, 5).toUpperCase()}>`) : -1;
    if (byte >= 0 && token.startsWith('<0x') && token.endsWith('>')) run.push(byte);
    else {
      out.push(...textOfRun(run), token);
      run = [];
    }
  }
  out.push(...textOfRun(run));
  return out;
};

function replaced(token: string, pattern: Pattern, content: string): string {
  let [out, at] = ['', 0];
  for (const [start, end] of pattern(token)) {
    out += token.slice(at, start) + content;
    at = end;
  }
  return out + token.slice(at);
}

/** Without the first `start` and the last `stop` characters, as far as they are the one given. */
function stripped(points: readonly string[], content: string, start: number, stop: number): string {
  let [from, to] = [0, points.length];
  while (from < Math.min(start, points.length) && points[from] === content) from++;
  while (to > Math.max(from, points.length - stop) && points[to - 1] === content) to--;
  return points.slice(from, to).join('');
}

function wordPiece(token: string, first: boolean, prefix: string, cleans: boolean): string {
  const text = first ? token : token.startsWith(prefix) ? token.slice(prefix.length) : ` ${token}`;
  return cleans ? withoutSpaces(text, true) : text;
}

/** Tokens in a row that are the same are one; what delimits words is a space, where spaces are cleaned up. */
function ctc({ pad_token: pad, word_delimiter_token: delimiter, cleanup }: Readonly<Record<string, unknown>>): Decoder {
  const [padding, gap] = [String(pad ?? '<pad>'), String(delimiter ?? '|')];
  return (tokens) =>
    tokens
      .filter((token, at) => token !== tokens[at - 1])
      .map((token) => token.replaceAll(padding, ''))
      .map((text) => (cleanup === false ? text : withoutSpaces(text, true).replaceAll(gap, ' ')))
      .filter((text) => text !== '');
}

const CLEANED: readonly (readonly [string, string])[] = [
  [' .', '.'],
  [' ?', '?'],
  [' !', '!'],
  [' ,', ','],
  [" ' ", "'"],
  [" n't", "n't"],
  [" 'm", "'m"],
  [' do not', " don't"],
  [" 's", "'s"],
  [" 've", "'ve"],
  [" 're", "'re"],
];

/**
 * A text without the spaces that tokens of words left before punctuation and short forms.
 * @param contracts whether "do not" becomes "don't": tokenizers do so, transformers does not
 */
export function withoutSpaces(text: string, contracts: boolean): string {
  return CLEANED.filter(([from]) => contracts || from !== ' do not').reduce(
    (cleaned, [from, to]) => cleaned.replaceAll(from, to),
    text,
  );
}
