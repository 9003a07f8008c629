import { INTERVAL_UNITS } from '@sonde/numerics';
import type { Estimate, IntervalOptions } from './behavior.ts';
import { bootstrapInterval, bootstrapMeans } from './bootstrap.ts';

/** Why a measure of text is undefined: nothing was predicted or generated. */
export type FluencyReason = 'no_tokens';

const NO_TOKENS = { value: null, low: null, high: null, reason: 'no_tokens' } as const;

/** How well a text is predicted. */
export interface TextLoss {
  /** Its summed negative log-likelihood in nats; null where nothing was predicted. */
  readonly nll: number | null;
  /** Tokens predicted. */
  readonly tokens: number;
}

export interface Perplexity {
  /** Texts of which something was predicted. */
  readonly texts: number;
  readonly perplexity: Estimate<FluencyReason>;
}

/**
 * exp of the mean negative log-likelihood a token, over the tokens of all texts. The interval resamples texts, each with
 * its tokens: the ratio of two sums over the same resamples.
 */
export function perplexity(losses: readonly TextLoss[], interval?: IntervalOptions): Perplexity {
  const used = losses.filter((loss): loss is TextLoss & { nll: number } => loss.nll !== null);
  const total = used.reduce((sum, { tokens }) => sum + tokens, 0);
  if (total === 0) return { texts: 0, perplexity: NO_TOKENS };
  const value = Math.exp(used.reduce((sum, { nll }) => sum + nll, 0) / total);
  const parts = used.map(({ nll, tokens }) => ({ nll, per: tokens }));
  const estimate = { value, ...ratioInterval(parts, Math.exp, value, interval) };
  return { texts: used.length, perplexity: estimate };
}

export interface TextBits {
  /** Summed negative log-likelihood in nats; null where nothing was predicted. */
  readonly nll: number | null;
  /** UTF-8 bytes of the text that was predicted; null where they are not known. */
  readonly bytes: number | null;
}

/**
 * Negative log-likelihood in bits a byte of text, over all texts with bytes. Unlike perplexity it does not depend on how
 * a tokenizer divides the text, so that models with different ones can be compared. Intervals as of `perplexity`.
 */
export function bitsPerByte(
  losses: readonly TextBits[],
  interval?: IntervalOptions,
): { readonly texts: number; readonly bits: Estimate<FluencyReason> } {
  const used = losses.flatMap(({ nll, bytes }) => (nll === null || bytes === null ? [] : [{ nll, per: bytes }]));
  const total = used.reduce((sum, { per }) => sum + per, 0);
  if (total === 0) return { texts: 0, bits: NO_TOKENS };
  const inBits = (nats: number): number => nats / Math.LN2;
  const value = inBits(used.reduce((sum, { nll }) => sum + nll, 0) / total);
  return { texts: used.length, bits: { value, ...ratioInterval(used, inBits, value, interval) } };
}

/** A text's loss, and what it is divided by. */
interface Part {
  readonly nll: number;
  readonly per: number;
}

/** Of a function of Σ nll / Σ per, from resampled texts. */
function ratioInterval(
  parts: readonly Part[],
  of: (ratio: number) => number,
  value: number,
  interval: IntervalOptions | undefined,
): Omit<Estimate & { value: number }, 'value'> {
  if (interval === undefined) return { low: null, high: null };
  if (parts.length < INTERVAL_UNITS) return { low: null, high: null, intervalReason: 'too_few_units' };
  const resamples = interval.resamples(parts.length);
  const sums = bootstrapMeans(
    parts.map(({ nll }) => nll),
    resamples,
  );
  const counts = bootstrapMeans(
    parts.map(({ per }) => per),
    resamples,
  );
  const ends = bootstrapInterval(
    sums.map((sum, b) => of(sum / counts[b]!)),
    value,
    { ...interval, units: parts.length, jackknife: leftOut(parts, of) },
  );
  return { low: ends?.low ?? null, high: ends?.high ?? null };
}

/** The same with each text left out. */
function leftOut(parts: readonly Part[], of: (ratio: number) => number): Float64Array {
  const total = parts.reduce((sum, { nll }) => sum + nll, 0);
  const count = parts.reduce((sum, { per }) => sum + per, 0);
  return Float64Array.from(parts, ({ nll, per }) => of((total - nll) / (count - per)));
}

/** A generated text. */
export interface GeneratedText {
  readonly tokens: number;
  /** Sum of the natural log-probabilities of its tokens. */
  readonly logprob: number;
}

/** Mean tokens a text; undefined without texts. */
export function meanLength(texts: readonly Pick<GeneratedText, 'tokens'>[]): Estimate<FluencyReason> {
  if (texts.length === 0) return NO_TOKENS;
  return { value: texts.reduce((sum, { tokens }) => sum + tokens, 0) / texts.length, low: null, high: null };
}

/** Mean log-probability a token, over the tokens of all texts; undefined without tokens. */
export function logprobPerToken(texts: readonly GeneratedText[]): Estimate<FluencyReason> {
  const tokens = texts.reduce((sum, text) => sum + text.tokens, 0);
  if (tokens === 0) return NO_TOKENS;
  return { value: texts.reduce((sum, { logprob }) => sum + logprob, 0) / tokens, low: null, high: null };
}
