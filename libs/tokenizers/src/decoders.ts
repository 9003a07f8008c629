import { joinByteTokens } from './byte-fallback.ts';
import { bytesOf } from './byte-level.ts';

/** A tokenizer's decoder, or one of a sequence of them, as transformers.js makes it of tokenizer.json. */
interface Decoder {
  readonly config?: {
    readonly type?: string;
    readonly replacement?: string;
    readonly prepend_scheme?: string;
    readonly add_prefix_space?: boolean;
  };
  readonly decoders?: readonly Decoder[];
  decode_chain(tokens: string[]): string[];
}

/** Makes a tokenizer decode as Hugging Face's tokenizers do where transformers.js does otherwise. */
export function decodeAsHuggingFace(decoder: unknown): void {
  const { decoders = [decoder as Decoder] } = (decoder ?? {}) as Decoder;
  for (const each of decoders) {
    const { type, replacement = '▁', prepend_scheme: scheme, add_prefix_space: prefix } = each?.config ?? {};
    if (type === 'ByteFallback') each.decode_chain = joinByteTokens;
    if (type === 'ByteLevel') each.decode_chain = joinCharacters;
    if (type === 'Metaspace')
      each.decode_chain = (tokens) =>
        joinSpaces(tokens, replacement, (scheme ?? (prefix === false ? 'never' : '')) !== 'never');
  }
}

const UTF8 = new TextDecoder('utf-8', { ignoreBOM: true });

/** Characters that stand for bytes, in added tokens too; a token with others is as it is written. */
function joinCharacters(tokens: readonly string[]): string[] {
  const bytes = tokens.flatMap((token) => bytesOf(token) ?? [...Buffer.from(token)]);
  return [UTF8.decode(Uint8Array.from(bytes))];
}

/** The first token loses all its spaces where one was put before the text. */
function joinSpaces(tokens: readonly string[], replacement: string, prepended: boolean): string[] {
  return tokens.map((token, at) => token.replaceAll(replacement, at === 0 && prepended ? '' : ' '));
}
