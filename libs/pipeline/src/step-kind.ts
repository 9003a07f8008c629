import type { ArtifactType, OutputSpec } from './artifact-type.ts';
import type { Planned, RunConfig } from './config/input-artifact.ts';

/**
 * The value of Sonde's own JSON Schema keyword `artifact`: at this place of a config stands data — a reference to a
 * step's output, or a string that names data (a path, `embedded:`, `hf:`, `https:`).
 */
export interface ArtifactPlace {
  readonly types: readonly ArtifactType[];
  /** A list is taken: a reference that collects axes gives one item for each combination; one item is a list of one. */
  readonly many?: boolean;
  /** The key beside this one that may hold the revision: `{ ref: embedded:a, revision: b }` is `embedded:a@b`. */
  readonly revision?: string;
}

declare const VALUE: unique symbol;

/**
 * JSON Schema (draft 2020-12) of a step kind's `with:`, with four keywords of Sonde's own. `Value` is the type of what
 * passes it, for TypeScript alone.
 */
// biome-ignore lint/suspicious/noExplicitAny: TypeScript does not know what a schema takes that is written as plain JSON
export interface ConfigSchema<Value = any> {
  readonly [VALUE]?: Value;
  readonly [keyword: string]: unknown;
  readonly artifact?: ArtifactPlace;
  /** `false`: the value changes how, not what, is computed (a batch size): it is left out of the fingerprint. */
  readonly fingerprint?: boolean;
  /** What the key's absence means. It is not filled in, and left out of the fingerprint where it is written out. */
  readonly implied?: unknown;
  /** Keys beside `properties`, or words beside `enum`, that the language has and this version does not do. */
  readonly later?: readonly string[];
  readonly properties?: Readonly<Record<string, ConfigSchema>>;
}

/** The part of a step kind that reading, checking and planning a pipeline needs: data only, nothing that runs. */
export interface StepKindSpec<Config = RunConfig> {
  /** What `uses:` names, for example `text/generate`. */
  readonly kind: string;
  /** Raised by hand whenever the kind's output for an unchanged fingerprint changes. */
  readonly revision: number;
  readonly summary: string;
  readonly config: ConfigSchema<Config>;
  /** Every output the kind can have, with its documentation. */
  readonly outputs: Readonly<Record<string, OutputSpec>>;
  /** The outputs that this config (after defaults) yields, where they are not simply all of `outputs`. */
  outputsOf?(config: Planned<Config>): Readonly<Record<string, OutputSpec>>;
  /** Checks that a schema cannot say (after defaults); each problem names the config path it is about. */
  check?(config: Planned<Config>): readonly ConfigProblem[];
  /** Names such as `inputs` that expressions may use and that the step itself fills in when it runs. */
  readonly lateNames?: readonly string[];
  /** Runs code that the pipeline file brings: needs `--allow-code`. */
  readonly runsCode?: boolean;
  /** The same of a config: a program that it has run, or an address that it has data sent to. */
  consentTo?(config: Planned<Config>): Consent | undefined;
  /** The pipeline's name, its description and its model, where it has one, are part of what it makes (a report). */
  readonly describesPipeline?: boolean;
}

/** What a pipeline file asks its reader to allow. */
export type Consent = { readonly program: true } | { readonly address: string };

export interface ConfigProblem {
  /** Path inside `with:`, for example `['capture', 'layers', 0]`. */
  readonly path: readonly (string | number)[];
  readonly message: string;
}

export type StepKinds = ReadonlyMap<string, StepKindSpec>;
