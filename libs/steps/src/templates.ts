import type { Tokenizer } from '@sonde/models';
import { codePoints } from './prompts.ts';

/** Template 0 passes the prompt as it is; 1–4 ask for a continuation, with and without the two labels. */
const TEMPLATES = [
  '{prompt}',
  'Complete the text.\n{prompt}',
  'Complete the text.\nText: {prompt}',
  'Complete the text.\n{prompt}\nContinuation:',
  'Complete the text.\nText: {prompt}\nContinuation:',
] as const;

export interface RenderedPrompt {
  readonly text: string;
  /** Where the prompt's own text begins, in code points. */
  readonly start: number;
}

/** A prompt inside a template and, with a tokenizer, inside its chat template as a user's turn. */
export const renderPrompt = (prompt: string, template: number | string, tokenizer?: Tokenizer): RenderedPrompt => {
  const pattern = typeof template === 'number' ? TEMPLATES[template]! : template;
  const [before = '', ...after] = pattern.split('{prompt}');
  const wrapped = before + prompt + after.join('{prompt}');
  if (tokenizer === undefined) return { text: wrapped, start: codePoints(before) };
  const text = tokenizer.renderChat([{ role: 'user', content: wrapped }]);
  // Chat templates trim a turn's white space, so the prompt is looked for without it.
  const at = text.indexOf(wrapped.trim());
  if (at < 0) throw new Error('the chat template changes the text of a turn: the prompt cannot be found in it');
  const lead = wrapped.length - wrapped.trimStart().length;
  return { text, start: codePoints(text.slice(0, at)) + codePoints(before) - lead };
};
