import {
  type Changes,
  causalMask,
  changeFeeds,
  type Features,
  fullMask,
  furthestOf,
  LABEL_LOGITS,
  MAXIMUM_OUT,
  type MaximumRequest,
  maskFeeds,
  maximumFeeds,
  POOL_OUT,
  type PoolLayout,
  type PoolRequest,
  poolFeeds,
  poolLayout,
  rotaryFeeder,
  runShape,
  type SequenceClassifier,
  summaryFeeds,
  tokenFeeds,
  tokenShapeFeeds,
} from '@sonde/networks';
import type { InferenceSession } from 'onnxruntime-node';
import { padTokens } from '../whole.ts';
import { tensorsOf } from './tensors.ts';

/** A run over whole sequences, read together; pools are over the tokens of the longest. */
export interface ClassifierRequest {
  readonly sequences: readonly (readonly number[])[];
  readonly changes: Changes;
  readonly pool?: PoolRequest;
  readonly maximum?: MaximumRequest;
}

export interface ClassifierResult {
  /** [sequences, labels] */
  readonly logits: Float32Array;
  /** [sequences, pools, pooled size] */
  readonly pooled: Float32Array;
  /** [sequences, pooled size] */
  readonly maximum: Float32Array | null;
}

/** Runs a classifier. */
export interface ClassifierEngine {
  readonly features: Features;
  /** The pooled numbers of a token. */
  readonly layout: PoolLayout;
  run(request: ClassifierRequest): Promise<ClassifierResult>;
  release(): Promise<void>;
}

/** Runs the graph of a classifier. */
export async function createClassifierEngine(
  session: InferenceSession,
  { trunk, head }: SequenceClassifier,
  features: Features,
): Promise<ClassifierEngine> {
  const { Tensor } = await import('onnxruntime-node');
  const { sizes, tokenTypes } = trunk;
  const layout = poolLayout(sizes, features.sites);
  const rotary = rotaryFeeder(trunk.rotary, sizes.maxPositions);
  return {
    features,
    layout,
    release: () => session.release(),
    async run({ sequences, changes, pool, maximum }) {
      const rows = sequences.length;
      const { tokens: T, ...tokens } = padTokens(sequences);
      const lengths = sequences.map((ids) => ids.length);
      const mask = trunk.mask === 'causal' ? causalMask(sizes, T) : fullMask(sizes, lengths, T);
      const pools = { rows, tokens: T, size: layout.size };
      const feeds = {
        ...tokenFeeds(tokens, [rows, T], tokenTypes),
        ...rotary(furthestOf(tokens.positions) + 1),
        ...tokenShapeFeeds(runShape(sizes, { B: rows, K: 1, T })),
        ...maskFeeds(mask, T),
        ...changeFeeds(sizes, features, changes),
        ...poolFeeds(pool, pools),
        ...(features.maximum ? maximumFeeds(maximum, pools) : {}),
        ...summaryFeeds(head.summary, sequences, T, head.padding),
      };
      const out = await session.run(tensorsOf(Tensor, feeds));
      const numbers = (name: string): Float32Array => out[name]!.data as Float32Array;
      return {
        logits: numbers(LABEL_LOGITS),
        pooled: numbers(POOL_OUT),
        maximum: features.maximum ? numbers(MAXIMUM_OUT) : null,
      };
    },
  };
}
