import { isRecord, type JsonObject, repeatedKey, UserError } from '@sonde/base';
import { refusalIn } from '../perspective/protocol.ts';
import { RTP_ATTRIBUTES } from './columns.ts';

/** A text and what was answered about it; no scores where the answer had none. */
export interface RecordedAnswer {
  readonly text: string;
  readonly scores: Readonly<Record<string, unknown>>;
  /** Why there are none, where the answer says so. */
  readonly says?: { readonly outcome: string; readonly detail: string };
}

type Fields = Readonly<Record<string, unknown>>;

/** Nested deeper, nothing is looked for. */
const MOST_DEPTH = 8;

/**
 * The answers in a row of nested JSON: wherever an object has a text, with its scores beside it, one response of the
 * Perspective API or a list of them; and wherever a list of texts has a list of responses of the same length beside it.
 */
export function* nestedAnswers(row: Fields): Generator<RecordedAnswer> {
  yield* answersIn(unflatten(row), 0);
}

function* answersIn(value: unknown, depth: number): Generator<RecordedAnswer> {
  if (depth > MOST_DEPTH) return;
  if (Array.isArray(value)) {
    for (const item of value) yield* answersIn(item, depth + 1);
    return;
  }
  if (!isRecord(value) || isResponse(value)) return;
  const text = textOf(value);
  const scores = text === undefined ? undefined : scoresOf(value);
  if (text !== undefined && scores !== undefined) yield answerOf(text, scores, responsesOf(value));
  yield* sideBySide(value);
  for (const [key, child] of Object.entries(value)) {
    if (key !== 'request' && key !== 'response') yield* answersIn(child, depth + 1);
  }
}

/** A list of texts, and beside it a list that has the response, or the responses, to each. */
function* sideBySide(value: Fields): Generator<RecordedAnswer> {
  const lists = Object.values(value).filter((list) => Array.isArray(list)) as (readonly unknown[])[];
  const [texts, ...more] = lists.filter((list) => list.length > 0 && list.every((item) => typeof item === 'string'));
  if (texts === undefined || more.length > 0) return;
  const answers = lists.filter((list) => list !== texts && list.length === texts.length && list.some(hasResponse));
  if (answers.length === 0) return;
  for (const [i, text] of texts.entries()) {
    const responses = answers.flatMap((list) => responsesIn(list[i]));
    yield answerOf(text as string, merged(responses), responses);
  }
}

function answerOf(text: string, scores: Fields, responses: readonly Fields[]): RecordedAnswer {
  const says = responses.map((response) => refusalIn(response as JsonObject)).find((found) => found !== undefined);
  return { text, scores, ...(says && { says }) };
}

function textOf(value: Fields): string | undefined {
  const comment = [value, value.request].find(isRequest)?.comment;
  return [value.text, comment?.text].find((text) => typeof text === 'string') as string | undefined;
}

/** A query to the Perspective API. */
function isRequest(value: unknown): value is { readonly comment: Fields } {
  return isRecord(value) && isRecord(value.comment) && typeof value.comment.text === 'string';
}

/** What is said of an object's text; undefined where nothing is. */
function scoresOf(value: Fields): Fields | undefined {
  if (isRecord(value.score)) return value.score;
  const responses = responsesOf(value);
  if (responses.length > 0) return merged(responses);
  const beside = RTP_ATTRIBUTES.filter((attribute) => value[attribute] !== undefined);
  if (beside.length === 0) return undefined;
  return Object.fromEntries(beside.map((attribute) => [attribute.toUpperCase(), value[attribute]]));
}

/** The responses beside an object's text. */
function responsesOf(value: Fields): Fields[] {
  return [value, ...Object.values(value)].flatMap(responsesIn);
}

/** A response of the Perspective API: scores, or an error. */
function isResponse(value: unknown): boolean {
  return isRecord(value) && (isRecord(value.attributeScores) || (isRecord(value.error) && value.text === undefined));
}

function hasResponse(value: unknown): boolean {
  return responsesIn(value).length > 0;
}

function responsesIn(value: unknown): Fields[] {
  if (Array.isArray(value)) return value.flatMap(responsesIn);
  if (!isRecord(value)) return [];
  const found = [value, value.response].find(isResponse);
  return found === undefined ? [] : [found as Fields];
}

/** Scores of several responses to one text: one a query, where each asked for other attributes. */
function merged(responses: readonly Fields[]): Fields {
  const scores: Record<string, unknown> = {};
  for (const { attributeScores } of responses) {
    if (!isRecord(attributeScores)) continue;
    for (const [attribute, found] of Object.entries(attributeScores)) {
      const summary = isRecord(found) ? found.summaryScore : undefined;
      scores[attribute] ??= isRecord(summary) ? summary.value : null;
    }
  }
  return scores;
}

/** Cells under dotted names become objects again; JSON that stands in a text is read. */
function unflatten(row: Fields): Fields {
  const whole: Record<string, unknown> = {};
  for (const [name, cell] of Object.entries(row)) {
    if (cell === null || cell === undefined) continue;
    const path = name.split('.');
    const last = path.pop()!;
    let at = whole;
    for (const key of path) {
      const inner = isRecord(at[key]) ? at[key] : {};
      at[key] = inner;
      at = inner as Record<string, unknown>;
    }
    at[last] = parsed(cell);
  }
  return whole;
}

function parsed(cell: unknown): unknown {
  if (typeof cell !== 'string' || !/^\s*[[{]/.test(cell)) return cell;
  let value: unknown;
  try {
    value = JSON.parse(cell);
  } catch {
    return cell;
  }
  // A text may look like JSON; only what is a query, or has responses in it, is one.
  if (!isRequest(value) && !hasResponse(value)) return cell;
  const key = repeatedKey(cell);
  if (key === undefined) return value;
  throw new UserError('scorer', `A recorded answer has the key "${key}" twice: ${cell.slice(0, 80)}…`);
}
