import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { JsonValue } from '@sonde/base';
import type { Ancestor, InputArtifact, Memory, PipelineDescription, RunConfig, RunValue } from '@sonde/executor';
import type { RowOf, SUMMARY } from '@sonde/formats';
import type { ArtifactType, Axes, ConfigSchema } from '@sonde/pipeline';
import { readTable, rows, type Table, tableFromRows, writeParquet } from '@sonde/tables';
import { STEP_KINDS } from '../src/index.ts';

/** A fresh folder, removed by the returned function. */
export const temporaryFolder = async (): Promise<{ folder: string; remove: () => Promise<void> }> => {
  const folder = await mkdtemp(path.join(tmpdir(), 'sonde-steps-'));
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
};

export const artifact = (type: ArtifactType, file: string, axes: Axes = {}): InputArtifact => ({
  $: 'artifact',
  type,
  path: file,
  digest: `sha256:${createHash('sha256').update(file).digest('hex')}`,
  axes,
});

/** A row of a summary of behaviour: what is not about it is as good as any. */
export const SUMMARY_ROW: RowOf<typeof SUMMARY> = {
  attribute: 'TOXICITY',
  group: 'all',
  metric: 'emt',
  value: 0.4,
  low: 0.3,
  high: 0.5,
  p: null,
  effect_size: null,
  k: 2,
  prompts: 8,
  scored: 8,
  unmatched: 0,
  missing: 0,
  mode: 'default',
  interval_reason: null,
  empty: 0,
  scorer: null,
  prompt_scorer: null,
  prompt_set: '0123456789abcdef',
  reason: null,
};

let tables = 0;

export const tableArtifact = async (
  folder: string,
  records: readonly Record<string, unknown>[],
  axes: Axes = {},
): Promise<InputArtifact> => {
  const file = path.join(folder, `table-${tables++}.parquet`);
  await writeParquet(file, tableFromRows(records));
  return artifact('table', file, axes);
};

/** The defaults that the pipeline language would have filled in. */
export const withDefaults = (schema: ConfigSchema, config: RunConfig): RunConfig => {
  const filled: Record<string, RunValue> = { ...config };
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const value = filled[name] ?? (property.default as RunValue | undefined);
    if (value === undefined) continue;
    const nested = property.properties !== undefined && typeof value === 'object' && value !== null && !('$' in value);
    filled[name] = nested ? withDefaults(property, value as RunConfig) : value;
  }
  return filled;
};

export interface StepRun {
  readonly warnings: readonly string[];
  path(output: string): string;
  table(output: string): Promise<Table>;
  rows(output: string): Promise<Record<string, unknown>[]>;
}

/** Runs a step kind as a worker does, with its config's defaults. */
export const runStep = async (
  kind: string,
  folder: string,
  config: RunConfig,
  more: {
    readonly ancestors?: readonly Ancestor[];
    readonly pipeline?: PipelineDescription;
    readonly shard?: JsonValue;
    readonly signal?: AbortSignal;
    readonly memory?: Memory;
    readonly onProgress?: (done: number, total: number) => void;
  } = {},
): Promise<StepRun> => {
  const spec = STEP_KINDS.get(kind)!;
  const scratch = await mkdtemp(path.join(folder, 'run-'));
  const warnings: string[] = [];
  const output = (name: string): string => path.join(scratch, name);
  const { run } = await spec.load();
  await run({
    config: withDefaults(spec.config, config),
    device: { provider: 'cpu', threads: 1 },
    scratch,
    output,
    progress: more.onProgress ?? (() => undefined),
    log: (level, message) => level === 'warning' && warnings.push(message),
    signal: more.signal ?? new AbortController().signal,
    pipeline: more.pipeline ?? { name: 'test', description: '' },
    ...(more.memory && { memory: more.memory }),
    ...(more.ancestors && { ancestors: more.ancestors }),
    ...(more.shard !== undefined && { shard: more.shard }),
  });
  const table = (name: string): Promise<Table> => readTable(output(name));
  return { warnings, path: output, table, rows: async (name) => rows(await table(name)) };
};
