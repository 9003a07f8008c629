import type { KeepFile } from '@sonde/checkpoints';
import type { ConfigOf, ConfigSchema, InputArtifact } from '@sonde/pipeline';
import type { Clock } from './client/clock.ts';
import type { Scorer } from './scorer.ts';

/** What a scorer is given beside its config when it is opened. */
export interface ScorerContext {
  /** What the user calls it: the reference as written, or `name:` of the config. */
  readonly name: string;
  /** What a model runs on: `cpu`, `cuda` or `webgpu`. */
  readonly device: string;
  /** Threads that it may use. */
  readonly threads: number;
  /** The rows of a table, part by part, with these of its columns, or all. */
  rows(table: InputArtifact, columns?: readonly string[]): AsyncIterable<readonly Readonly<Record<string, unknown>>[]>;
  /** The columns of a table. */
  columnsOf(table: InputArtifact): Promise<readonly string[]>;
  log(level: 'info' | 'warning', message: string): void;
  /** Keeps the quantised weights of a checkpoint from one loading to the next; they are made at each if not given. */
  keepQuantized?(checkpoint: InputArtifact): KeepFile;
  /** Time and chance of those that wait; this machine's if not given. */
  readonly clock?: Clock;
}

// biome-ignore lint/suspicious/noExplicitAny: a kind knows its own config, a list of kinds does not
type AnyConfig = any;

/** A kind of scorer: what `scorer: { kind: …, … }` may say, and how it is opened. */
export interface ScorerKind<Config = AnyConfig> {
  readonly kind: string;
  readonly summary: string;
  /** Of a kind that a module adds: raised by hand whenever its scores for the same config change. */
  readonly revision?: number;
  /** JSON Schema of the object, its `kind` among the rest. */
  readonly config: ConfigSchema<Config>;
  /** What names it where the config has no `name`: one of its artifacts as the user wrote it. */
  ref?(config: Config): InputArtifact | undefined;
  /** Whether a model is run on `device`, so that this and the runtime's version decide the last bits. */
  readonly runsModel?: boolean;
  /** Its outcomes have the answers that they were read from: they are kept whole, as a table of their own. */
  readonly keepsAnswers?: boolean;
  /** Runs a program that the pipeline file names: needs `--allow-code`. */
  readonly runsCode?: boolean;
  /** The address that texts are sent to, where the pipeline file names it: needs the reader's consent as well. */
  reaches?(config: Config): string | undefined;
  load(): Promise<{ open(config: Config, context: ScorerContext): Promise<Scorer> }>;
}

/** What marks a kind of scorer among the exports of a module. */
const SCORER = Symbol.for('sonde.scorer');

/** Whether it is what `defineScorer` gave. */
export function isScorerKind(value: unknown): value is ScorerKind {
  return typeof value === 'object' && value !== null && SCORER in value;
}

/** Checks the form of a kind of scorer and gives it back, its config typed by its schema. */
export function defineScorer<Schema extends ConfigSchema>(
  kind: ScorerKind<ConfigOf<Schema>> & { readonly config: Schema },
): ScorerKind<ConfigOf<Schema>> {
  if (!/^[a-z][a-z0-9_-]*$/.test(kind.kind)) {
    throw new TypeError(`a kind of scorer is a word like "classifier", not "${kind.kind}"`);
  }
  if (typeof kind.load !== 'function') throw new TypeError(`${kind.kind}: load must be a function that gives { open }`);
  return Object.assign({ ...kind }, { [SCORER]: true });
}
