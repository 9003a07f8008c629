import { isDeepStrictEqual } from 'node:util';
import { isRecord, type JsonObject, type JsonValue } from '@sonde/base';
import { type ConfigSchema, type Place, placeOf } from '@sonde/pipeline';
import {
  type InputArtifact,
  isInputArtifact,
  type PipelineDescription,
  type Provider,
  type RunConfig,
  type RunValue,
  type StepKind,
} from '../step.ts';

export interface FingerprintParts {
  readonly kind: StepKind;
  /** After defaults; of its artifacts only digest and axes count. */
  readonly config: RunConfig;
  /** Who computes it. */
  readonly provider: Provider;
  /** For kinds with `describesPipeline`. */
  readonly pipeline?: PipelineDescription;
  /** A shard's identity: it stands in place of the inputs that the kind divides. */
  readonly shard?: JsonValue;
}

/**
 * Everything that decides a task's bytes, as readable JSON: kind, revision, config (each input as the digest of its
 * content), runtime, shard. Not in it: step names, paths, resources, config values whose schema says
 * `fingerprint: false`, and those that are what their absence means. Its digest is the task's key.
 */
export function fingerprintOf({ kind, config, provider, pipeline, shard }: FingerprintParts): JsonObject {
  const runtime = kind.runtime?.(config, provider);
  const divided = shard === undefined ? [] : (kind.division?.inputs ?? []);
  const counted = Object.fromEntries(Object.entries(config).filter(([name]) => !divided.includes(name)));
  const place = omitsFields(kind.config) ? placeOf(kind.config, config) : undefined;
  const implied = kind.implied?.(config);
  return {
    sonde: 1,
    kind: kind.kind,
    revision: kind.revision,
    config: fingerprintValue(counted, place, implied),
    ...(runtime === undefined ? {} : { runtime }),
    ...(pipeline === undefined ? {} : { pipeline: { ...pipeline } }),
    ...(shard === undefined ? {} : { shard }),
  };
}

/**
 * @param place where the value stands in the schema; undefined where the schema leaves nothing out
 * @param implied what the absence of this value's keys means, beside what the schema says of it
 */
function fingerprintValue(value: RunValue, place: Place | undefined, implied?: JsonValue): JsonValue {
  if (value === null || typeof value !== 'object') return value;
  if (isInputArtifact(value)) return inputField(value);
  if (Array.isArray(value)) {
    return value.map((item: RunValue, at) => fingerprintValue(item, place?.item(at, item)));
  }
  const fields: Record<string, JsonValue> = {};
  for (const [name, member] of Object.entries(value)) {
    const own = place?.key(name, member);
    if (own?.schemas.some((schema) => schema.fingerprint === false)) continue;
    const absent = isRecord(implied) ? implied[name] : undefined;
    if (isImplied(member, own, absent)) continue;
    fields[name] = fingerprintValue(member, own, absent);
  }
  return fields;
}

/** Whether a value is what its absence means: as its schemas say, or the kind (of a map key by key). */
function isImplied(value: RunValue, place: Place | undefined, absent: JsonValue | undefined): boolean {
  const meant = place?.schemas.map(({ implied }) => implied) ?? [];
  if (!isRecord(absent)) meant.push(absent);
  return meant.some((one) => one !== undefined && isDeepStrictEqual(one, value));
}

function inputField(artifact: InputArtifact): JsonObject {
  return Object.keys(artifact.axes).length === 0
    ? { input: artifact.digest }
    : { input: artifact.digest, axes: artifact.axes };
}

const omitting = new WeakMap<ConfigSchema, boolean>();

/** Whether the schema leaves anything out at all: most do not, and then no schema need be followed. */
function omitsFields(schema: ConfigSchema): boolean {
  const known = omitting.get(schema);
  if (known !== undefined) return known;
  const omits = /"fingerprint":false|"implied":/.test(JSON.stringify(schema));
  omitting.set(schema, omits);
  return omits;
}
