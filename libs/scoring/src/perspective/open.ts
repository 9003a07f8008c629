import { createHash } from 'node:crypto';
import { retryAfterSeconds, UserError } from '@sonde/base';
import { ATTRIBUTES } from '../attributes.ts';
import { tokenBucket } from '../client/bucket.ts';
import { CLOCK } from '../client/clock.ts';
import { persist } from '../client/persist.ts';
import { post } from '../client/post.ts';
import type { ScorerContext } from '../define-scorer.ts';
import { notKept } from '../not-kept.ts';
import type { ScoreOutcome, Scorer } from '../scorer.ts';
import { type Config, ENDPOINT, USUAL } from './config.ts';
import { MOST_BYTES, queryOf, readPerspective } from './protocol.ts';

const KEYS = 'PERSPECTIVE_API_KEY';
const WHO = 'The Perspective API';

/** Texts whose answers are kept together: of 16 seconds, and no more than these. */
const BATCH = 16;
const MOST_IN_BATCH = 128;
/** Queries under way at once, at most. */
const MOST_AT_ONCE = 64;
/** So many texts in a row, from the first, that are refused in the same words: it is not the texts. */
const SUSPICIOUS = 20;

/** Opens the Perspective API. @throws UserError where there is no key and one is needed */
export async function open(config: Config, { name, log, clock = CLOCK }: ScorerContext): Promise<Scorer> {
  const { attributes = ATTRIBUTES, languages, url = ENDPOINT, record = 'keep' } = config;
  const { rate, timeout, patience } = { ...USUAL, ...config };
  const settings = JSON.stringify([url, attributes, languages ?? null]);
  const scorer = {
    identity: {
      kind: 'perspective',
      name,
      digest: createHash('sha256').update(settings).digest('hex'),
      ...(url !== ENDPOINT && { url }),
      attributes,
      ...(languages && { languages }),
    },
    attributes,
  };
  if (record === 'only') {
    return { ...scorer, onlyKept: true, score: (texts) => texts.map((text) => withoutAsking(text) ?? notKept(text)) };
  }

  const keys = keysOf(process.env[KEYS]);
  const bucket = tokenBucket(keys.length, rate, clock);
  const refusals = countRefusals();
  const atOnce = Math.min(MOST_AT_ONCE, Math.ceil(2 * rate * keys.length));

  async function ask(text: string): Promise<ScoreOutcome> {
    const known = withoutAsking(text);
    if (known !== undefined) return known;
    const request = queryOf(text, attributes, languages);
    const body = JSON.stringify(request);
    return persist(
      async () => {
        const key = await bucket.take();
        const answer = await post(`${url}?key=${encodeURIComponent(keys[key]!)}`, body, {}, timeout, clock);
        const wait = retryAfterSeconds(answer.retryAfter, clock.now());
        if (answer.status === 429) bucket.pause(key, (wait ?? 0) * 1000);
        const { outcome, response } = readPerspective(answer, attributes, keyInWords(key, keys.length), wait);
        refusals(outcome);
        return { ...outcome, answer: { request, response, time: new Date(clock.now()).toISOString() } };
      },
      { who: WHO, clock, patience, log },
    );
  }

  return {
    ...scorer,
    batchSize: Math.min(MOST_IN_BATCH, Math.max(BATCH, Math.round(BATCH * rate * keys.length))),
    score: (texts) => inTurn(texts, atOnce, ask),
  };
}

/** What is known of a text without a query. */
function withoutAsking(text: string): ScoreOutcome | undefined {
  if (text.trim() === '') return { outcome: 'empty' };
  const bytes = Buffer.byteLength(text);
  if (bytes <= MOST_BYTES) return undefined;
  return { outcome: 'too_long', detail: `${bytes} bytes of UTF-8; at most ${MOST_BYTES} are scored` };
}

function keysOf(value = ''): string[] {
  const keys = value
    .split(',')
    .map((key) => key.trim())
    .filter((key) => key !== '');
  if (keys.length > 0) return [...new Set(keys)];
  throw new UserError(
    'scorer',
    `${WHO} needs a key, and the environment has no ${KEYS}.`,
    `Set ${KEYS} (several keys: with commas between); \`record: only\` uses the answers that are kept and asks nobody.`,
  );
}

/** Keys are secret: they are told apart by their places. */
function keyInWords(index: number, count: number): string {
  return count === 1 ? 'the key' : `key ${index + 1} of ${count}`;
}

/** Stops where all that was ever asked is refused in the same words. */
function countRefusals(): (outcome: ScoreOutcome) => void {
  let [refused, words, settled] = [0, '', false];
  return (outcome) => {
    if (settled) return;
    const said = outcome.outcome === 'refused' ? (outcome.detail ?? '') : undefined;
    if (said === undefined || (refused > 0 && said !== words)) {
      settled = true;
      return;
    }
    words = said;
    refused++;
    if (refused < SUSPICIOUS) return;
    throw new UserError(
      'scorer',
      `${WHO} has refused each of the first ${SUSPICIOUS} texts: ${words}`,
      'No more are sent. Are `attributes` and `languages` what it scores?',
    );
  };
}

/** Does work for each item, some at once; all that has begun ends before a failure is told. */
async function inTurn<T, R>(items: readonly T[], atOnce: number, work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  let failure: { readonly error: unknown } | undefined;
  const worker = async (): Promise<void> => {
    while (next < items.length && failure === undefined) {
      const at = next++;
      try {
        results[at] = await work(items[at]!);
      } catch (error) {
        failure ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker));
  if (failure !== undefined) throw failure.error;
  return results;
}
