import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PreTrainedTokenizer } from '@huggingface/transformers';
import { isRecord, UserError } from '@sonde/base';
import { readJson, readJsonIfThere } from '@sonde/checkpoints';
import { decodeStrictBytes } from './byte-fallback.ts';
import { alignTokens, describeSurface } from './spans.ts';
import { withTimeLimit } from './time-limit.ts';

export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

export interface EncodeOptions {
  /** Whether special tokens (beginning of text) are added; true by default. */
  readonly addSpecialTokens?: boolean;
}

/** A checkpoint's tokenizer: the same ids and texts as Hugging Face's. */
export interface Tokenizer {
  readonly bosToken: string | null;
  readonly hasChatTemplate: boolean;
  encode(text: string, options?: EncodeOptions): number[];
  /** The text of tokens, special tokens left out. */
  decode(tokenIds: readonly number[]): string;
  /**
   * The range [first, past the last] of tokens that overlap a part of a text; null if none does.
   * @param start first code point of the part; `end` is past its last
   */
  spanOf(rendered: string, start: number, end: number, options?: EncodeOptions): [number, number] | null;
  /**
   * A conversation through the checkpoint's chat template, ready for the answer. A system message goes in front of
   * the first user message, on a line of its own, if the template refuses or ignores the system role.
   * @throws UserError if there is no template or it fails
   */
  renderChat(messages: readonly ChatMessage[]): string;
}

/** The text of a token named in tokenizer_config.json: a string, or an object with `content`. */
function tokenText(value: unknown): string | null {
  if (typeof value === 'string') return value;
  return isRecord(value) && typeof value.content === 'string' ? value.content : null;
}

async function readTemplate(folder: string, config: Record<string, unknown>): Promise<string | null> {
  const file = await readFile(join(folder, 'chat_template.jinja'), 'utf8').catch(() => null);
  if (file !== null) return file;
  const { chat_template: template } = config;
  if (typeof template === 'string') return template;
  if (!Array.isArray(template)) return null;
  const named = template.find((entry: unknown) => isRecord(entry) && entry.name === 'default');
  return isRecord(named) && typeof named.template === 'string' ? named.template : null;
}

/** Reads the tokenizer of a checkpoint folder. @throws UserError if its files are absent or not understood */
export async function openTokenizer(folder: string): Promise<Tokenizer> {
  const path = join(folder, 'tokenizer.json');
  const json = await readJson(path, 'The tokenizer');
  const config = (await readJsonIfThere(join(folder, 'tokenizer_config.json'))) ?? {};
  // Loaded when a tokenizer is opened: planning and the command line do without it.
  const { PreTrainedTokenizer } = await import('@huggingface/transformers');
  let hub: PreTrainedTokenizer;
  try {
    hub = new PreTrainedTokenizer(json, config);
  } catch (error) {
    throw new UserError('model', `${path} is not a tokenizer that can be read: ${reason(error)}`);
  }
  decodeStrictBytes(hub._tokenizer.decoder);
  const surface = describeSurface(json);
  const source = await readTemplate(folder, config);
  const cleanUp = config.clean_up_tokenization_spaces === true;
  const renderOnce = (messages: readonly ChatMessage[]): string => {
    if (source === null) throw new UserError('model', `${folder} has no chat template.`);
    const options = { chat_template: source, tokenize: false, add_generation_prompt: true } as const;
    return withTimeLimit(() => hub.apply_chat_template([...messages], options));
  };

  return {
    bosToken: tokenText(config.bos_token),
    hasChatTemplate: source !== null,
    encode: (text, { addSpecialTokens = true } = {}) => hub.encode(text, { add_special_tokens: addSpecialTokens }),
    decode: (tokenIds) =>
      tokenIds.length === 0
        ? ''
        : hub.decode([...tokenIds], { skip_special_tokens: true, clean_up_tokenization_spaces: cleanUp }),
    spanOf(rendered, start, end, { addSpecialTokens = true } = {}) {
      const tokens = hub.tokenize(rendered, { add_special_tokens: false });
      const all = addSpecialTokens ? hub.tokenize(rendered, { add_special_tokens: true }) : tokens;
      const before = all.findIndex((_, at) => tokens.every((token, i) => all[at + i] === token));
      const ranges = alignTokens(rendered, tokens, surface);
      const first = ranges.findIndex(([from, to]) => from < end && to > start && from < to);
      const last = ranges.findLastIndex(([from, to]) => from < end && to > start && from < to);
      return first < 0 || start >= end ? null : [before + first, before + last + 1];
    },
    renderChat(messages) {
      const system = messages.find((message) => message.role === 'system');
      try {
        const rendered = renderOnce(messages);
        if (!system || rendered.includes(system.content.trim())) return rendered;
      } catch (error) {
        if (!system) throw templateFailure(folder, error);
      }
      const rest = messages.filter((message) => message !== system);
      const user = rest.findIndex((message) => message.role === 'user');
      const merged = rest.map((message, i) =>
        i === user ? { ...message, content: `${system?.content}\n${message.content}` } : message,
      );
      try {
        return renderOnce(merged);
      } catch (error) {
        throw templateFailure(folder, error);
      }
    },
  };
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function templateFailure(folder: string, error: unknown): UserError {
  if (error instanceof UserError) return error;
  return new UserError('model', `The chat template of ${folder} failed: ${reason(error)}`);
}
