import type { Prompt } from '@sonde/engine';
import { codePoints } from '@sonde/formats';
import { renderPrompt, type Tokenizer } from '@sonde/tokenizers';

/** Template 0 passes the prompt as it is; 1–4 ask for a continuation, with and without the two labels. */
const TEMPLATES = [
  '{prompt}',
  'Complete the text.\n{prompt}',
  'Complete the text.\nText: {prompt}',
  'Complete the text.\n{prompt}\nContinuation:',
  'Complete the text.\nText: {prompt}\nContinuation:',
] as const;

/** A prompt inside a template and, with a tokenizer, inside its chat template as a user's turn. */
export function renderThrough(prompt: string, template: number | string, tokenizer?: Tokenizer): Omit<Prompt, 'id'> {
  const pattern = typeof template === 'number' ? TEMPLATES[template]! : template;
  const [before = '', ...rest] = pattern.split('{prompt}');
  const after = rest.join('{prompt}');
  if (tokenizer !== undefined) return renderPrompt(tokenizer, { before, prompt, after });
  const spanStart = codePoints(before);
  return { rendered: before + prompt + after, spanStart, spanEnd: spanStart + codePoints(prompt) };
}
