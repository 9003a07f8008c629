import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Site } from '@sonde/networks';
import { type TensorEntry, writeSafetensors } from '@sonde/tensors';
import type { Intervention } from '../src/index.ts';
import { numbers, type TinyModel } from './tiny.ts';

/** States and logits of some tokens of a text. */
export interface GoldenResults {
  /** [L + 1][tokens · d] */
  readonly hidden_states: readonly (readonly number[])[];
  /** [tokens · d] */
  readonly last_residual: readonly number[];
  /** [vocabulary], after the last token */
  readonly logits: readonly number[];
  /** [blocks with experts][tokens · experts]: experts' weights, 0 for those not chosen */
  readonly router?: readonly (readonly number[])[];
}

/** The same with weights that are rounded or quantised. */
export type Precisions = Readonly<
  Record<'float16' | 'bfloat16' | 'nf4', Pick<GoldenResults, 'last_residual' | 'logits'>>
>;

/** An intervention by numbers k that name vectors, a list of them for each layer: see `tools/goldens/sites.py`. */
type NamedIntervention =
  | { readonly kind: 'bypass_mlp'; readonly layers: readonly number[] }
  | {
      readonly kind: 'add' | 'erase' | 'mean_ablation' | 'replace';
      readonly site: Site;
      readonly layers: readonly number[];
      readonly waves: readonly (readonly number[])[];
      readonly tokens?: readonly number[];
    };

/** What interventions lead to. */
export interface GoldenRun {
  readonly interventions: readonly NamedIntervention[];
  /** [tokens · d] each */
  readonly after_block_1: readonly number[];
  readonly normed: readonly number[];
  /** Every few, after the last token. */
  readonly logits: readonly number[];
  /** [blocks][tokens · size]; of `residual_raw`, the last block alone */
  readonly sites?: Readonly<Record<'residual_raw' | 'attention' | 'mlp' | 'heads', readonly (readonly number[])[]>>;
}

type Shapes = readonly (readonly [string, readonly number[]])[];

/** What transformers computes for a checkpoint that `tools/goldens/models.py` and a test both make from its names and shapes. */
export interface Golden extends GoldenResults {
  readonly config: Record<string, unknown>;
  readonly ids: readonly number[];
  /** Indices of the tokens whose states are given. */
  readonly tokens: readonly number[];
  readonly weights: Shapes;
  readonly inside?: {
    readonly tokens: readonly number[];
    readonly logit_step: number;
    readonly runs: readonly GoldenRun[];
  };
  readonly precision?: Precisions;
  readonly adapter?: GoldenResults & {
    readonly config: Record<string, unknown>;
    readonly weights: Shapes;
    readonly precision?: Precisions;
  };
}

const folder = join(import.meta.dirname, 'goldens');

export const GOLDENS = readdirSync(folder)
  .filter((file) => file.endsWith('.json'))
  .map((file) => file.slice(0, -'.json'.length))
  .sort();

export function readGolden(name: string): Golden {
  return JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8'));
}

/** sin(k · (i + 1)) for i from 0 */
export function wave(k: number, size: number): Float32Array {
  return Float32Array.from({ length: size }, (_, i) => Math.sin(k * (i + 1)));
}

/** A golden run's interventions, for a model of so many numbers a token at each site. */
export function interventionsOf(run: GoldenRun, sizeOf: (site: Site) => number): Intervention[] {
  return run.interventions.map((named): Intervention => {
    if (named.kind === 'bypass_mlp') return named;
    const { kind, site, layers, waves, tokens = [] } = named;
    const vectors = waves.map((ks) => ks.map((k) => wave(k, sizeOf(site))));
    if (kind === 'erase') return { kind, site, layers, directions: vectors };
    if (kind !== 'replace') return { kind, site, layers, vectors: vectors.map(([vector]) => vector!) };
    return {
      kind,
      site,
      layers,
      stateOf({ position }) {
        const at = tokens.indexOf(position);
        return at < 0 ? null : vectors.map((ofLayer) => ofLayer[at]!);
      },
    };
  });
}

/** The numbers that `fill` in `tools/goldens/models.py` gives to weights. */
export function fill(shapes: Shapes, firstSeed: number, scale: number): Record<string, TensorEntry> {
  const entries = shapes.map(([name, shape], i): [string, TensorEntry] => {
    const count = shape.reduce((a, b) => a * b, 1);
    const data = numbers(firstSeed + i, count, scale);
    const isNorm = shape.length === 1 && name.endsWith('.weight');
    return [name, { dtype: 'F32', shape: [...shape], data: isNorm ? data.map((x) => 1 + x) : data }];
  });
  return Object.fromEntries(entries);
}

export function goldenModel({ config, weights }: Pick<Golden, 'config' | 'weights'>): TinyModel {
  return { config, weights: fill(weights, 1, 0.6) };
}

/** Writes the golden's LoRA adapter. @returns its folder */
export async function writeGoldenAdapter(target: string, { adapter }: Golden): Promise<string> {
  await mkdir(target, { recursive: true });
  await writeFile(join(target, 'adapter_config.json'), JSON.stringify(adapter!.config));
  await writeSafetensors(join(target, 'adapter_model.safetensors'), fill(adapter!.weights, 1001, 0.5));
  return target;
}
