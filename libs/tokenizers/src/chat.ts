import { UserError } from '@sonde/base';
import type { ChatMessage, Tokenizer } from './tokenizer.ts';

/** An instruction around a prompt: the user's message is `before` + `prompt` + `after`. */
export interface InstructedPrompt {
  readonly system?: string;
  readonly before: string;
  readonly prompt: string;
  readonly after: string;
}

/** A text as a model reads it, after templates. */
export interface RenderedPrompt {
  readonly rendered: string;
  /** The prompt's own text inside `rendered`, in code points [start, end). */
  readonly spanStart: number;
  readonly spanEnd: number;
  /**
   * Whether the tokenizer adds its special tokens (the beginning-of-text token). By default it does, unless `rendered`
   * starts with the beginning-of-text token's own text; say false for the rendering of a chat template.
   */
  readonly addSpecialTokens?: boolean;
}

/** Two private-use characters, which no template changes; they stand for the prompt while its place is sought. */
const MARK = '\uE000\uE001';

function codePoints(text: string): number {
  return [...text].length;
}

/**
 * Renders an instructed prompt through the chat template if the tokenizer has one, else as plain text (the system text
 * on a line of its own in front), and says where the prompt lies in it. A template that trims messages may cut spaces
 * off the prompt's ends.
 * @throws UserError if the template fails or leaves the prompt out
 */
export function renderPrompt(tokenizer: Tokenizer, parts: InstructedPrompt): RenderedPrompt {
  const { system, before, prompt, after } = parts;
  const render = (inner: string): string => {
    const content = before + inner + after;
    if (!tokenizer.hasChatTemplate) return system === undefined ? content : `${system}\n${content}`;
    const user: ChatMessage = { role: 'user', content };
    return tokenizer.renderChat(system === undefined ? [user] : [{ role: 'system', content: system }, user]);
  };
  const rendered = render(prompt);
  const at = render(MARK).indexOf(MARK);
  const forms = [prompt, prompt.trimEnd(), prompt.trimStart(), prompt.trim()];
  const found = at < 0 ? undefined : forms.find((form) => rendered.startsWith(form, at));
  if (found === undefined) throw new UserError('model', 'The chat template leaves the prompt out or changes it.');
  const spanStart = codePoints(rendered.slice(0, at));
  const spanEnd = spanStart + codePoints(found);
  return { rendered, spanStart, spanEnd, addSpecialTokens: !tokenizer.hasChatTemplate };
}
