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
  const estimate = { value, ...perplexityInterval(used, value, interval) };
  return { texts: used.length, perplexity: estimate };
}

function perplexityInterval(
  losses: readonly { readonly nll: number; readonly tokens: number }[],
  value: number,
  interval: IntervalOptions | undefined,
): Omit<Estimate & { value: number }, 'value'> {
  if (interval === undefined) return { low: null, high: null };
  if (losses.length < INTERVAL_UNITS) return { low: null, high: null, intervalReason: 'too_few_units' };
  const resamples = interval.resamples(losses.length);
  const sums = bootstrapMeans(
    losses.map(({ nll }) => nll),
    resamples,
  );
  const counts = bootstrapMeans(
    losses.map(({ tokens }) => tokens),
    resamples,
  );
  const ends = bootstrapInterval(
    sums.map((sum, b) => Math.exp(sum / counts[b]!)),
    value,
    { ...interval, jackknife: leftOut(losses) },
  );
  return { low: ends?.low ?? null, high: ends?.high ?? null };
}

/** Perplexity with each text left out. */
function leftOut(losses: readonly { readonly nll: number; readonly tokens: number }[]): Float64Array {
  const total = losses.reduce((sum, { nll }) => sum + nll, 0);
  const tokens = losses.reduce((sum, loss) => sum + loss.tokens, 0);
  return Float64Array.from(losses, (loss) => Math.exp((total - loss.nll) / (tokens - loss.tokens)));
}

/** A generated text. */
export interface GeneratedText {
  readonly tokens: number;
  /** Sum of the natural log-probabilities of its tokens. */
  readonly logprob: number;
}

/** Mean tokens a text; undefined without texts. */
export function meanLength(texts: readonly GeneratedText[]): Estimate<FluencyReason> {
  if (texts.length === 0) return NO_TOKENS;
  return { value: texts.reduce((sum, { tokens }) => sum + tokens, 0) / texts.length, low: null, high: null };
}

/** Mean log-probability a token, over the tokens of all texts; undefined without tokens. */
export function logprobPerToken(texts: readonly GeneratedText[]): Estimate<FluencyReason> {
  const tokens = texts.reduce((sum, text) => sum + text.tokens, 0);
  if (tokens === 0) return NO_TOKENS;
  return { value: texts.reduce((sum, { logprob }) => sum + logprob, 0) / tokens, low: null, high: null };
}
