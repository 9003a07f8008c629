import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isRecord, UserError } from '@sonde/base';
import { readJson, readJsonIfThere } from '@sonde/checkpoints';
import { asLoaded, type LoadedTokenizer } from './as-loaded.ts';
import { checkTokenizerJson } from './check.ts';
import { type Decoder, decoderOf, withoutSpaces } from './decoders.ts';
import { Encoder } from './encode.ts';
import { kindOf, modelOf } from './models/index.ts';
import type { PlacedToken } from './post-process.ts';
import { strftime } from './strftime.ts';
import { Callable, compile, type Template } from './template/template.ts';
import { withTimeLimit } from './time-limit.ts';
import { USUAL_DATE } from './usual-date.ts';

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

async function readTemplate(folder: string, config: Record<string, unknown>): Promise<string | null> {
  const file = await readFile(join(folder, 'chat_template.jinja'), 'utf8').catch(() => null);
  if (file !== null) return file;
  const { chat_template: template } = config;
  if (typeof template === 'string') return template;
  if (!Array.isArray(template)) return null;
  const named = template.find((entry: unknown) => isRecord(entry) && entry.name === 'default');
  return isRecord(named) && typeof named.template === 'string' ? named.template : null;
}

/**
 * Reads the tokenizer of a checkpoint folder.
 * @param today the day, YYYY-MM-DD, that a chat template writes for today's: a prompt is the same on every day
 * @throws UserError if its files are absent or not understood
 */
export async function openTokenizer(folder: string, today: string = USUAL_DATE): Promise<Tokenizer> {
  const path = join(folder, 'tokenizer.json');
  const json = await readJson(path, 'The tokenizer');
  const config = (await readJsonIfThere(join(folder, 'tokenizer_config.json'))) ?? {};
  const model = (await readJsonIfThere(join(folder, 'config.json'))) ?? {};
  checkTokenizerJson(json, path);
  const specialTokens = (await readJsonIfThere(join(folder, 'special_tokens_map.json'))) ?? {};
  const addedTokens = (await readJsonIfThere(join(folder, 'added_tokens.json'))) ?? {};
  const loaded = asLoaded({ json, settings: config, config: model, specialTokens, addedTokens }, folder);
  const [encoder, decode] = await readParts(loaded, path);
  const source = await readTemplate(folder, config);
  const cleanUp = cleansUp(config, loaded.json.model);
  const strftime_now = new Callable('strftime_now', ([format]) => strftime(String(format), today, folder));
  let template: Template | undefined;
  const renderOnce = (messages: readonly ChatMessage[]): string => {
    if (source === null) throw new UserError('model', `${folder} has no chat template.`);
    // Read when it is used: most of what opens a tokenizer has no use for it.
    template ??= compile(source);
    const compiled = template;
    const names = {
      ...loaded.further,
      ...loaded.special,
      messages,
      tools: null,
      documents: null,
      add_generation_prompt: true,
      strftime_now,
    };
    return withTimeLimit(() => compiled.render(names));
  };

  return {
    bosToken: loaded.special.bos_token ?? null,
    hasChatTemplate: source !== null,
    encode(text, { addSpecialTokens = true } = {}) {
      return encoder.encode(text, addSpecialTokens).map(({ id }) => id);
    },
    decode(tokenIds) {
      const text = decode(encoder.textsOf(tokenIds)).join('');
      return cleanUp ? withoutSpaces(text, false) : text;
    },
    spanOf(rendered, start, end, { addSpecialTokens = true } = {}) {
      const tokens = encoder.encode(rendered, addSpecialTokens);
      const overlaps = ({ from, to }: PlacedToken): boolean => from < end && to > start && from < to;
      const first = tokens.findIndex(overlaps);
      return first < 0 || start >= end ? null : [first, tokens.findLastIndex(overlaps) + 1];
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

/** @throws UserError that says which file has a part that is not known */
async function readParts(loaded: LoadedTokenizer, path: string): Promise<[Encoder, Decoder]> {
  try {
    return [new Encoder(loaded, await modelOf(loaded.json.model)), decoderOf(loaded.json.decoder)];
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError('model', `${path} cannot be followed: ${error.message}`, error.hint);
  }
}

/** transformers 5 removes no spaces from what a BPE tokenizer gives, whatever the flag says. */
function cleansUp(config: Readonly<Record<string, unknown>>, model: unknown): boolean {
  if (config.clean_up_tokenization_spaces !== true) return false;
  const isBpe = isRecord(model) && kindOf(model) === 'BPE';
  return !isBpe || config.clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output === true;
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function templateFailure(folder: string, error: unknown): UserError {
  if (error instanceof UserError) return error;
  return new UserError('model', `The chat template of ${folder} failed: ${reason(error)}`);
}
