import { isRecord, type JsonObject, UserError } from '@sonde/base';
import { MISSING_OUTCOMES, type MissingOutcome, type ScoreOutcome } from '../scorer.ts';
import { wellFormed } from '../well-formed.ts';

/** What scores texts, and how it is named in errors. */
export interface Service {
  /** `The program python3`, `The service https://…`. */
  readonly who: string;
  readonly attributes: readonly string[];
  /** Scores are any numbers, not those from 0 to 1 alone. */
  readonly unbounded: boolean;
}

/** A batch of texts. Ids count on from batch to batch, so that a late answer is not taken for that of the next. */
export interface Batch {
  readonly texts: readonly string[];
  /** The id of the first. */
  readonly first: number;
}

/** Numbers the texts of one batch after another. */
export function batches(): (texts: readonly string[]) => Batch {
  let next = 0;
  return (texts) => {
    const first = next;
    next += texts.length;
    return { texts, first };
  };
}

/** A batch as one line of JSON: `{"attributes": […], "texts": [{"id": "0", "text": "…"}, …]}`. */
export function requestOf({ attributes }: Service, { texts, first }: Batch): string {
  const items = texts.map((text, i) => ({ id: `${first + i}`, text: wellFormed(text) }));
  return JSON.stringify({ attributes, texts: items });
}

/** What was answered of a text, and what that means. */
export interface Result {
  readonly outcome: ScoreOutcome;
  readonly result: JsonObject;
}

/**
 * Reads the answer to a batch, `{"results": [{"id": "0", "scores": {…}}, {"id": "1", "outcome": "empty"}, …]}`, in any order.
 * @throws UserError for everything that is not one outcome for each text
 */
export function readAnswer(service: Service, { texts, first }: Batch, answer: string): Result[] {
  const { who } = service;
  const results = resultsOf(service, answer);
  const found: (Result | undefined)[] = texts.map(() => undefined);
  for (const result of results) {
    if (!isRecord(result)) throw broken(`${who} answered ${shown(result)} where a result was expected.`);
    const { id } = result;
    if (id === undefined) {
      throw broken(
        `${who} answered a result without an id: ${shown(result)}.`,
        'Each result has the `id` of the text that it is of, as it came with the text.',
      );
    }
    const at = typeof id === 'string' && /^(0|[1-9]\d*)$/.test(id) ? Number(id) - first : -1;
    if (!(at >= 0 && at < texts.length)) {
      const last = first + texts.length - 1;
      throw broken(
        `${who} answered for the id ${shown(id)}, and was asked for “${first}” to “${last}”.`,
        typeof id === 'number' ? 'Ids are texts, as they came: `"id": "0"`.' : undefined,
      );
    }
    if (found[at] !== undefined) throw broken(`${who} answered twice for the id “${id}”.`, 'Each text has one result.');
    const outcome = outcomeOf(service, result, `${who}, of ${quoted(texts[at]!)},`);
    found[at] = { outcome, result: result as JsonObject };
  }
  const missing = found.flatMap((result, i) => (result === undefined ? [i] : []));
  if (missing.length > 0) {
    throw broken(
      `${who} answered for ${texts.length - missing.length} of ${texts.length} texts; the first without an answer has the id “${first + missing[0]!}”: ${quoted(texts[missing[0]!]!)}.`,
      'Answer for every text: one that cannot be scored has an `outcome` in place of `scores`.',
    );
  }
  return found.map((result) => result!);
}

function resultsOf({ who }: Service, answer: string): readonly unknown[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(answer);
  } catch {
    const words = /\b(NaN|-?Infinity)\b/.exec(answer)?.[1];
    throw broken(
      `${who} answered what is not JSON: ${shownText(answer)}`,
      words === undefined
        ? 'One answer is one line of JSON and nothing else; messages belong on standard error.'
        : `JSON has no ${words}: write null for a score that there is not.`,
    );
  }
  if (isRecord(parsed) && Array.isArray(parsed.results)) return parsed.results;
  throw broken(`${who} answered ${shown(parsed)} where {"results": […]} was expected.`);
}

function outcomeOf(
  { attributes, unbounded }: Service,
  { scores, outcome = 'ok', detail }: Readonly<Record<string, unknown>>,
  who: string,
): ScoreOutcome {
  if (scores === undefined) {
    if (isMissing(outcome)) return typeof detail === 'string' ? { outcome, detail } : { outcome };
    throw broken(
      `${who} answered the outcome ${shown(outcome)} and no scores.`,
      `Give \`scores\`, or one of the outcomes ${MISSING_OUTCOMES.join(', ')}.`,
    );
  }
  if (outcome !== 'ok' && outcome !== 'truncated') {
    throw broken(`${who} answered scores with the outcome ${shown(outcome)}; with scores it is ok or truncated.`);
  }
  if (!isRecord(scores)) throw broken(`${who} answered ${shown(scores)} where {"<ATTRIBUTE>": score} was expected.`);
  const strange = Object.keys(scores).find((name) => !attributes.includes(name));
  if (strange !== undefined) {
    throw broken(`${who} answered a score of ${strange}; \`attributes\` has ${attributes.join(', ')}.`);
  }
  const values = attributes.map((attribute) => {
    const value = scores[attribute];
    if (value === null) return null;
    if (typeof value === 'number' && (unbounded ? Number.isFinite(value) : value >= 0 && value <= 1)) return value;
    const found = value === undefined ? 'no' : `${shown(value)} as`;
    throw broken(
      `${who} answered ${found} score of ${attribute}; ${unbounded ? 'a number' : 'a number from 0 to 1'} was expected, or null where there is none.`,
      unbounded || typeof value !== 'number' ? undefined : '`unbounded: true` takes any number.',
    );
  });
  if (values.every((value) => value === null)) return { outcome: 'refused', detail: 'no score was given' };
  return { outcome, scores: values };
}

function isMissing(outcome: unknown): outcome is MissingOutcome {
  return MISSING_OUTCOMES.some((known) => known === outcome);
}

function broken(message: string, hint?: string): UserError {
  return new UserError('scorer', message, hint);
}

const SHOWN = 80;

function shownText(text: string): string {
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text || 'nothing';
}

function shown(value: unknown): string {
  return shownText(JSON.stringify(value) ?? 'nothing');
}

function quoted(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}
