import type { Model } from '@sonde/engine';

/** What is asked of each text. */
export interface Asking {
  readonly template: string;
  readonly system: string | undefined;
  /** Whether it is a turn in the model's chat template. */
  readonly chat: boolean;
}

/** The tokens of a question about a text, as far as the answer. */
export function questionTokens(
  { tokenizer, config }: Model,
  { template, system, chat }: Asking,
  text: string,
): readonly number[] {
  const content = template.split('{text}').join(text);
  if (chat) {
    const user = { role: 'user', content } as const;
    const rendered = tokenizer.renderChat(system === undefined ? [user] : [{ role: 'system', content: system }, user]);
    return tokenizer.encode(rendered, { addSpecialTokens: false });
  }
  const rendered = system === undefined ? content : `${system}\n${content}`;
  const { bosToken } = tokenizer;
  const addSpecialTokens = !(bosToken !== null && bosToken !== '' && rendered.startsWith(bosToken));
  const ids = tokenizer.encode(rendered, { addSpecialTokens });
  return ids.length === 0 && config.bosTokenId !== null ? [config.bosTokenId] : ids;
}
