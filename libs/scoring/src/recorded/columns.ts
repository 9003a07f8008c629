import { UserError } from '@sonde/base';

const TEXTS = ['text', 'request.comment.text', 'comment.text', 'prompt.text', 'continuation.text'] as const;

/** Forms under which records have scores; the group is the attribute. */
const SCORES = [
  /^score\.([A-Z][A-Z0-9_]*)$/,
  /^(?:response\.)?attributeScores\.([A-Z][A-Z0-9_]*)\.summaryScore\.value$/,
] as const;

const RTP_ATTRIBUTES =
  '(toxicity|severe_toxicity|profanity|threat|sexually_explicit|identity_attack|insult|flirtation)';

/** Where a record has its texts and scores. */
export interface RecordColumns {
  readonly text: string;
  readonly attributes: readonly string[];
  readonly columns: readonly string[];
}

/** Finds them, as far as the config does not say. @throws UserError with the columns that there are */
export function recordColumns(
  there: readonly string[],
  config: { readonly text?: string; readonly columns?: Readonly<Record<string, string>> },
  name: string,
): RecordColumns {
  const fail = (what: string, hint: string): never => {
    throw new UserError('scorer', `The record ${name} has no ${what}; its columns are ${there.join(', ')}.`, hint);
  };
  const text =
    config.text ??
    TEXTS.find((column) => there.includes(column)) ??
    fail('column of texts', 'Name it: `text: <column>`.');
  const beside = new RegExp(`^${text.replace(/text$/, '').replace('.', '\\.')}${RTP_ATTRIBUTES}$`);
  const found = there.flatMap((column): [string, string][] => {
    const attribute = [...SCORES, beside].map((form) => form.exec(column)?.[1]).find((name) => name !== undefined);
    return attribute === undefined ? [] : [[attribute.toUpperCase(), column]];
  });
  const chosen = config.columns ? Object.entries(config.columns) : found;
  if (chosen.length === 0) fail('column of scores', 'Name them: `columns: { <ATTRIBUTE>: <column> }`.');
  for (const column of [text, ...chosen.map(([, column]) => column)]) {
    if (!there.includes(column)) fail(`column ${column}`, 'Name columns as they are written there.');
  }
  return { text, attributes: chosen.map(([attribute]) => attribute), columns: chosen.map(([, column]) => column) };
}
