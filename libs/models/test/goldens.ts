import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TensorEntry, writeSafetensors } from '@sonde/tensors';
import { numbers, type TinyModel } from './tiny.ts';

/** States and logits of some tokens of a text. */
export interface GoldenResults {
  /** [L + 1][tokens · d] */
  readonly hidden_states: readonly (readonly number[])[];
  /** [tokens · d] */
  readonly last_residual: readonly number[];
  /** [vocabulary], after the last token */
  readonly logits: readonly number[];
}

/** The same with weights that are rounded or quantised. */
export type Precisions = Readonly<
  Record<'float16' | 'bfloat16' | 'nf4', Pick<GoldenResults, 'last_residual' | 'logits'>>
>;

type Shapes = readonly (readonly [string, readonly number[]])[];

/** What transformers computes for a checkpoint that `tools/goldens/models.py` and a test both make from its names and shapes. */
export interface Golden extends GoldenResults {
  readonly config: Record<string, unknown>;
  readonly ids: readonly number[];
  /** Indices of the tokens whose states are given. */
  readonly tokens: readonly number[];
  readonly weights: Shapes;
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

/** The numbers that `fill` in `tools/goldens/models.py` gives to weights. */
function fill(shapes: Shapes, firstSeed: number, scale: number): Record<string, TensorEntry> {
  const entries = shapes.map(([name, shape], i): [string, TensorEntry] => {
    const count = shape.reduce((a, b) => a * b);
    const data = numbers(firstSeed + i, count, scale);
    const isNorm = shape.length === 1 && name.endsWith('.weight');
    return [name, { dtype: 'F32', shape: [...shape], data: isNorm ? data.map((x) => 1 + x) : data }];
  });
  return Object.fromEntries(entries);
}

export function goldenModel({ config, weights }: Golden): TinyModel {
  return { config, weights: fill(weights, 1, 0.6) };
}

/** Writes the golden's LoRA adapter. @returns its folder */
export async function writeGoldenAdapter(target: string, { adapter }: Golden): Promise<string> {
  await mkdir(target, { recursive: true });
  await writeFile(join(target, 'adapter_config.json'), JSON.stringify(adapter!.config));
  await writeSafetensors(join(target, 'adapter_model.safetensors'), fill(adapter!.weights, 1001, 0.5));
  return target;
}
