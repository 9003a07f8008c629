import { UserError } from '@sonde/base';

const TEXTS = ['text', 'request.comment.text', 'comment.text'] as const;

/** RealToxicityPrompts has two texts a row, each with its scores beside it. */
const NESTED_TEXTS = ['prompt.text', 'continuation.text'] as const;

/** Forms under which records have scores; the group is the attribute. */
const SCORES = [
  /^score\.([A-Z][A-Z0-9_]*)$/,
  /^(?:response\.)?attributeScores\.([A-Z][A-Z0-9_]*)\.summaryScore\.value$/,
] as const;

/** How RealToxicityPrompts writes attributes. */
export const RTP_ATTRIBUTES = [
  'toxicity',
  'severe_toxicity',
  'profanity',
  'threat',
  'sexually_explicit',
  'identity_attack',
  'insult',
  'flirtation',
] as const;

/** Where a record has texts and their scores. */
export interface RecordColumns {
  readonly text: string;
  /** Attribute → column. */
  readonly scores: Readonly<Record<string, string>>;
}

interface Asked {
  readonly text?: string;
  readonly columns?: Readonly<Record<string, string>>;
}

/** Finds them, as far as the config does not say; none where texts or scores are not columns. @throws UserError for a column that is not there */
export function recordColumns(there: readonly string[], { text, columns }: Asked, name: string): RecordColumns[] {
  for (const column of [...(text === undefined ? [] : [text]), ...Object.values(columns ?? {})]) {
    if (there.includes(column)) continue;
    throw new UserError(
      'scorer',
      `The record ${name} has no column ${column}; its columns are ${there.join(', ')}.`,
      'Name columns as they are written there.',
    );
  }
  const found = TEXTS.find((column) => there.includes(column));
  const texts =
    text !== undefined
      ? [text]
      : found !== undefined
        ? [found]
        : NESTED_TEXTS.filter((column) => there.includes(column));
  return texts.flatMap((column) => {
    const scores = columns ?? scoresBeside(there, column);
    return Object.keys(scores).length === 0 ? [] : [{ text: column, scores }];
  });
}

function scoresBeside(there: readonly string[], text: string): Record<string, string> {
  const at = text.replace(/text$/, '');
  const beside = new Map<string, string>(RTP_ATTRIBUTES.map((attribute) => [at + attribute, attribute.toUpperCase()]));
  return Object.fromEntries(
    there.flatMap((column): [string, string][] => {
      const attribute =
        beside.get(column) ?? SCORES.map((form) => form.exec(column)?.[1]).find((name) => name !== undefined);
      return attribute === undefined ? [] : [[attribute, column]];
    }),
  );
}

/** @throws UserError that says which columns there are */
export function nothingRecorded(there: readonly string[], { text }: Asked, name: string): never {
  const hasText = text !== undefined || [...TEXTS, ...NESTED_TEXTS].some((column) => there.includes(column));
  throw new UserError(
    'scorer',
    `The record ${name} has no ${hasText ? 'column of scores' : 'column of texts'}; its columns are ${there.join(', ')}.`,
    hasText ? 'Name them: `columns: { <ATTRIBUTE>: <column> }`.' : 'Name it: `text: <column>`.',
  );
}
