import { UserError } from '@sonde/base';
import {
  CAPTURE_SITES,
  type CaptureSite,
  type Features,
  layersOf,
  POOLED_SITES,
  type TrunkSizes,
} from '@sonde/networks';
import { anyBans, type Bans } from './decoding/banned.ts';
import type { Plan } from './interventions.ts';
import type { CaptureOptions, GenerationOptions, ModelConfig, Pool, RunHooks } from './types.ts';

/** Generation options, checked and complete. */
export interface Decoding {
  readonly samples: number;
  /** The number of the first of them. */
  readonly firstSample: number;
  readonly maxNewTokens: number;
  readonly sample: boolean;
  readonly temperature: number;
  readonly topP: number;
  readonly topK: number;
  readonly penalty: number;
  readonly seed: number;
  /** null: every token may come. */
  readonly bans: Bans | null;
}

function check(name: string, value: number, valid: boolean, expected: string): number {
  if (!valid) throw new UserError('model', `${name} is ${value}; expected ${expected}.`);
  return value;
}

function isCount(value: number, least: number): boolean {
  return Number.isSafeInteger(value) && value >= least;
}

/** Beyond these bounds, logits would leave float32. */
function isModerate(value: number): boolean {
  return value >= 1e-6 && value <= 1e6;
}

/** What of a model decoding options are checked against. */
type Vocabulary = Pick<ModelConfig, 'eosTokenIds' | 'vocabSize'>;

/** Checks decoding options. @throws UserError naming the option */
export function checkDecoding(options: GenerationOptions, vocabulary: Vocabulary): Decoding {
  const { num_return_sequences: samples = 1, max_new_tokens: maxNewTokens = 20, do_sample: sample = true } = options;
  const { temperature = 1, top_p: topP = 1, top_k: topK = 0, repetition_penalty: penalty = 1, seed = 0 } = options;
  const { first_sample: firstSample = 0 } = options;
  check('num_return_sequences', samples, isCount(samples, 1), 'an integer of 1 or more');
  check('first_sample', firstSample, isCount(firstSample, 0), 'an integer of 0 or more');
  check('max_new_tokens', maxNewTokens, isCount(maxNewTokens, 1), 'an integer of 1 or more');
  check('temperature', temperature, isModerate(temperature), 'a number from 1e-6 to 1e6 (do_sample: false is greedy)');
  check('top_p', topP, topP > 0 && topP <= 1, 'a number in (0, 1]');
  check('top_k', topK, isCount(topK, 0), 'an integer of 0 (no limit) or more');
  check('repetition_penalty', penalty, isModerate(penalty), 'a number from 1e-6 to 1e6');
  check('seed', seed, Number.isSafeInteger(seed), 'an integer');
  if (!sample && samples > 1) {
    throw new UserError(
      'model',
      `num_return_sequences is ${samples} without do_sample: they would all be the same; ask for 1, or for do_sample: true.`,
    );
  }
  const bans = checkBans(options, maxNewTokens, vocabulary);
  return { samples, firstSample, maxNewTokens, sample, temperature, topP, topK, penalty, seed, bans };
}

function checkBans(
  options: GenerationOptions,
  maxNewTokens: number,
  { eosTokenIds: eos, vocabSize }: Vocabulary,
): Bans | null {
  const { no_repeat_ngram_size: noRepeatNgramSize = 0, min_new_tokens: minNewTokens = 0 } = options;
  const { suppress_tokens: suppressTokens = [], begin_suppress_tokens: beginSuppressTokens = [] } = options;
  const { bad_words_ids: badWordsIds = [] } = options;
  check('no_repeat_ngram_size', noRepeatNgramSize, isCount(noRepeatNgramSize, 0), 'an integer of 0 (no limit) or more');
  const few = isCount(minNewTokens, 0) && minNewTokens <= maxNewTokens;
  check('min_new_tokens', minNewTokens, few, `an integer from 0 to max_new_tokens, ${maxNewTokens}`);
  const lists = { suppress_tokens: suppressTokens, begin_suppress_tokens: beginSuppressTokens };
  for (const [name, ids] of Object.entries({ ...lists, bad_words_ids: badWordsIds.flat() })) {
    const wrong = ids.find((id) => !isCount(id, 0) || id >= vocabSize);
    if (wrong === undefined) continue;
    throw new UserError('model', `${name} has ${wrong}; expected tokens of the model's vocabulary of ${vocabSize}.`);
  }
  if (badWordsIds.some((word) => word.length === 0)) {
    throw new UserError('model', 'bad_words_ids has a word of no tokens; expected lists of tokens.');
  }
  const bans = { minNewTokens, noRepeatNgramSize, suppressTokens, beginSuppressTokens, badWordsIds, eos, vocabSize };
  return anyBans(bans) ? bans : null;
}

const POOLS: readonly string[] = ['prompt', 'continuation', 'last', 'max', 'tokens'] satisfies (Pool | 'tokens')[];

/** Capture options, checked: sites with the layer numbers wanted there, and each pool once. */
export interface Capture {
  readonly sites: readonly { readonly site: CaptureSite; readonly layers: readonly number[] }[];
  readonly pools: readonly Pool[];
  /** Whether every token's states are wanted. */
  readonly tokens: boolean;
}

/** Checks capture options for a model of these sizes. @throws UserError naming what is wrong */
export function checkCapture(options: CaptureOptions, sizes: TrunkSizes, onToken: RunHooks['onToken']): Capture {
  const { layers: blocks } = sizes;
  const { sites = ['residual'] } = options;
  const strange = sites.find((name) => !CAPTURE_SITES.includes(name));
  if (strange !== undefined) {
    throw new UserError('model', `There is no site "${strange}"; expected some of ${CAPTURE_SITES.join(', ')}.`);
  }
  if (sites.length === 0) throw new UserError('model', `capture needs at least one site: ${CAPTURE_SITES.join(', ')}.`);
  const pool = options.pool.find((name) => !POOLS.includes(name));
  if (pool !== undefined)
    throw new UserError('model', `There is no pool "${pool}"; expected some of ${POOLS.join(', ')}.`);
  if (options.pool.length === 0) throw new UserError('model', `capture needs at least one pool: ${POOLS.join(', ')}.`);
  const layers = options.layers === 'all' ? Array.from({ length: blocks + 1 }, (_, layer) => layer) : options.layers;
  if (layers.length === 0) throw new UserError('model', 'capture needs at least one layer.');
  const outside = layers.find((layer) => !Number.isInteger(layer) || layer < 0 || layer > blocks);
  if (outside !== undefined) {
    throw new UserError('model', `Layer ${outside} does not exist; the model has layers 0 to ${blocks}.`);
  }
  const tokens = options.pool.includes('tokens');
  if (tokens && !onToken) throw new UserError('model', 'pool "tokens" needs onToken, which takes the states.');
  return {
    sites: [...new Set(sites)].map((site) => ({ site, layers: layersAt(sizes, site, layers) })),
    pools: [...new Set(options.pool)].filter((name) => name !== 'tokens'),
    tokens,
  };
}

/** The layers asked for that a site has: not all have the embedding output, layer 0, nor all blocks experts. */
function layersAt(sizes: TrunkSizes, site: CaptureSite, layers: readonly number[]): number[] {
  const there = layersOf(sizes, site);
  const found = layers.filter((layer) => there.includes(layer));
  if (found.length > 0) return found;
  if (site === 'router' && there.length === 0) {
    throw new UserError('model', 'Site "router" is where experts are chosen, and the model has none.');
  }
  throw new UserError(
    'model',
    site === 'router'
      ? `Site "router" is in the layers of blocks with experts alone: ${there.join(', ')}.`
      : `Site "${site}" has no layer 0, the embedding output; its layers count from 1.`,
  );
}

/** What a graph must do for a capture and interventions. */
export function featuresOf(capture: Capture | null, plan: Plan): Features {
  const asked = capture?.sites.map(({ site }) => site) ?? [];
  return {
    maximum: capture?.pools.includes('max') ?? false,
    sites: POOLED_SITES.filter((site) => site !== 'residual' && asked.includes(site)),
    edits: plan.stages,
  };
}
