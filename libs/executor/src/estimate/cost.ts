import type { InputArtifact, RunConfig } from '@sonde/pipeline';

/** What is known, or expected, of an artifact. */
export type Shape = {
  readonly rows?: number;
  readonly bytes?: number;
  /** Of a row's text, on average. */
  readonly characters?: number;
  /** Layers of states, and numbers of one state. */
  readonly layers?: number;
  readonly width?: number;
};

/** The work of a task, whatever machine does it. */
export interface Work {
  /** Of matrix products; a multiplication and its addition are two. */
  readonly flops: number;
  /** Bytes of weights that are read from memory. */
  readonly traffic: number;
  /** Everything else, in seconds on the machine that `NOMINAL` describes. */
  readonly other: number;
}

export interface Cost extends Work {
  /** Bytes at most. */
  readonly memory: number;
  /** What it works through: texts, sequences, states. */
  readonly rows: number;
  readonly outputs: Readonly<Record<string, Shape>>;
}

export interface CostContext<Config = RunConfig> {
  /** An artifact has a `path` where its content is there. */
  readonly config: Config;
  /** What is expected of an artifact, where its content is not there. */
  expected(artifact: InputArtifact): Shape | undefined;
}

/** What a step kind knows of its cost: imported when it is asked for. */
export interface CostModule<Config = RunConfig> {
  /** Undefined where too little is known of what comes in. */
  cost(context: CostContext<Config>): Promise<Cost | undefined>;
}

/** How fast a machine is. */
export interface Rates {
  /** A second, of matrix products. */
  readonly flops: number;
  /** Bytes a second. */
  readonly traffic: number;
  /** How much longer it takes for everything else than the machine of `NOMINAL`. */
  readonly slowness: number;
}

/** One core of a server of 2023, about. */
export const NOMINAL: Rates = { flops: 1e11, traffic: 1e10, slowness: 1 };

export function secondsOf({ flops, traffic, other }: Work, rates: Rates): number {
  return flops / rates.flops + traffic / rates.traffic + other * rates.slowness;
}
