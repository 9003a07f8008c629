import type { JsonValue } from '@sonde/base';
import type { ConfigSchema, RunConfig } from '@sonde/pipeline';
import type { StepKind } from './step.ts';

/**
 * Checks a step kind's shape and gives it back, its config typed by its schema: `Config` where that was made by the
 * functions of `schema`, any JSON where it is plain JSON Schema.
 *
 * @throws TypeError saying what is not as it should be
 */
export function defineStep<Config = RunConfig, Range = JsonValue>(
  kind: StepKind<NoInfer<Config>, Range> & { readonly config: ConfigSchema<Config> },
): StepKind<Config, Range> {
  if (!/^[a-z][a-z0-9_-]*(\/[a-z][a-z0-9_-]*)?$/.test(kind.kind)) {
    throw new TypeError(`a step kind is named like "group/name", not "${kind.kind}"`);
  }
  if (!Number.isInteger(kind.revision) || kind.revision < 1) {
    throw new TypeError(`${kind.kind}: revision must be a whole number from 1, not ${kind.revision}`);
  }
  const { config, outputs, load }: { readonly config: unknown; readonly outputs: unknown; readonly load: unknown } =
    kind;
  if (typeof config !== 'object') throw new TypeError(`${kind.kind}: config must be a JSON Schema`);
  if (typeof outputs !== 'object') throw new TypeError(`${kind.kind}: outputs must map names to { type, description }`);
  if (typeof load !== 'function') throw new TypeError(`${kind.kind}: load must be a function that gives { run }`);
  return kind;
}
