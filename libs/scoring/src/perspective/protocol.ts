import { isPassingStatus, isRecord, type JsonObject, type JsonValue, PassingFailure, UserError } from '@sonde/base';
import type { Answer } from '../client/post.ts';
import type { MissingOutcome, ScoreOutcome } from '../scorer.ts';
import { wellFormed } from '../well-formed.ts';

/** Longer texts are refused (bytes of UTF-8). */
export const MOST_BYTES = 20_480;

/** The service says of itself that it ends. */
const GONE =
  'The Perspective API was to end on 31 December 2026. `record: only` uses the answers that are kept, `kind: recorded` a table of them; another scorer re-does the experiment.';

/** The query of one text: every attribute at once, nothing stored there, no scores of parts of it. */
export function queryOf(
  text: string,
  attributes: readonly string[],
  languages: readonly string[] | undefined,
): JsonObject {
  return {
    comment: { text: wellFormed(text), type: 'PLAIN_TEXT' },
    ...(languages && { languages }),
    requestedAttributes: Object.fromEntries(attributes.map((attribute) => [attribute, {}])),
    doNotStore: true,
    spanAnnotations: false,
  };
}

/** What an answer says of a text. */
export interface Read {
  readonly outcome: ScoreOutcome;
  readonly response: JsonValue;
}

/**
 * Reads an answer.
 * @param key which key was used, in words
 * @throws PassingFailure for what passes; UserError for a key that is refused, and for what no text is to blame for
 */
export function readPerspective(answer: Answer, attributes: readonly string[], key: string, wait?: number): Read {
  const { status } = answer;
  if (isPassingStatus(status)) throw new PassingFailure(`it answers ${status}`, { wait });
  const response = parse(answer);
  if (status === 200) return { outcome: scoresOf(response, attributes), response };
  const { message = `status ${status}`, reasons } = errorIn(response);
  if (status === 401 || status === 403 || /API_?KEY|API key/i.test(reasons + message)) {
    throw new UserError(
      'scorer',
      `The Perspective API refuses ${key}: ${message}`,
      'Set PERSPECTIVE_API_KEY to a key of a project in which the Comment Analyzer API is enabled; `record: only` asks nobody.',
    );
  }
  if (status !== 400) throw new UserError('scorer', `The Perspective API answers ${status}: ${message}`, GONE);
  const outcome = refusalIn(response);
  if (outcome !== undefined) return { outcome, response };
  if (/UNKNOWN_ATTRIBUTE|attribute/i.test(`${reasons} ${message}`)) {
    throw new UserError(
      'scorer',
      `The Perspective API does not take the query: ${message}`,
      `\`attributes\` asks for ${attributes.join(', ')}.`,
    );
  }
  return { outcome: { outcome: 'refused', detail: message }, response };
}

/** What the service says where it is the text that has no score. */
const MEANINGS: readonly (readonly [RegExp, MissingOutcome])[] = [
  [
    /LANGUAGE_NOT_SUPPORTED|does not support request languages|language .*not supported|not.* language/i,
    'unsupported_language',
  ],
  [/COMMENT_TOO_LONG|too many bytes|too long/i, 'too_long'],
  [/COMMENT_EMPTY|comment (text )?(is |must not be )?(empty|non-empty)|no text/i, 'empty'],
];

/** What an answer says of a text that it refuses; undefined where the text is not to blame. */
export function refusalIn(
  response: JsonObject,
): { readonly outcome: MissingOutcome; readonly detail: string } | undefined {
  const { message = '', reasons } = errorIn(response);
  const missing = MEANINGS.find(([means]) => means.test(`${reasons} ${message}`))?.[1];
  return missing === undefined ? undefined : { outcome: missing, detail: message };
}

function errorIn({ error }: JsonObject): { readonly message?: string; readonly reasons: string } {
  const { message, details = [] } = isRecord(error) ? error : {};
  return { ...(typeof message === 'string' && { message }), reasons: JSON.stringify(details) };
}

function parse({ status, body }: Answer): JsonObject {
  try {
    const parsed = JSON.parse(body) as JsonValue;
    if (isRecord(parsed)) return parsed as JsonObject;
  } catch {
    // Said below: half an answer, or the page of a proxy in between.
  }
  const said = body.slice(0, 60).trim() || 'nothing';
  if (status !== 200) return { error: { message: `status ${status} (${said})` } };
  throw new PassingFailure(`its answer is not what it is to be (${said})`);
}

function scoresOf({ attributeScores }: JsonObject, attributes: readonly string[]): ScoreOutcome {
  if (!isRecord(attributeScores)) return { outcome: 'refused', detail: 'an answer without scores' };
  const scores = attributes.map((attribute) => {
    const found = attributeScores[attribute];
    const summary = isRecord(found) ? found.summaryScore : undefined;
    const value = isRecord(summary) ? summary.value : undefined;
    if (value === undefined || value === null) return null;
    if (typeof value === 'number' && value >= 0 && value <= 1) return value;
    throw new UserError(
      'scorer',
      `The Perspective API answers ${JSON.stringify(value)} as score of ${attribute}; a number from 0 to 1 was expected.`,
    );
  });
  if (scores.every((score) => score === null)) return { outcome: 'refused', detail: 'an answer without scores' };
  return { outcome: 'ok', scores };
}
