import type { JsonValue } from '@sonde/base';
import { isSafeName } from '../artifacts/trees.ts';
import type { StoredArtifact } from '../artifacts/types.ts';
import { checkedText, parseChecked } from '../disk/checked.ts';
import { type Digest, isDigest, type Key } from '../disk/digest.ts';
import { canonicalJson, keyOf } from '../disk/json.ts';
import type { ResultRecord } from './types.ts';

/** Whether parsed JSON is a result record, field by field: a record may come from another program. */
export function isResultRecord(value: unknown): value is ResultRecord {
  if (!isObject(value)) return false;
  return (
    isDigest(value.key) &&
    isObject(value.fingerprint) &&
    isObject(value.outputs) &&
    Object.values(value.outputs).every(isStoredArtifact) &&
    typeof value.created === 'string' &&
    typeof value.seconds === 'number' &&
    typeof value.run === 'string' &&
    (value.notes === undefined || isObject(value.notes))
  );
}

function isStoredArtifact(value: unknown): value is StoredArtifact {
  if (!isObject(value) || typeof value.type !== 'string' || !isBlobInfo(value)) return false;
  if (value.files === undefined) return true;
  return (
    isObject(value.files) && Object.entries(value.files).every(([name, file]) => isSafeName(name) && isBlobInfo(file))
  );
}

function isBlobInfo(value: unknown): boolean {
  return isObject(value) && isDigest(value.digest) && Number.isSafeInteger(value.size) && Number(value.size) >= 0;
}

function isObject(value: unknown): value is { readonly [field: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * A record as it is kept: one line of JSON that shows any change to itself.
 *
 * @throws TypeError where it is none, or not that of its fingerprint
 */
export function textOfRecord(record: ResultRecord): string {
  const text = checkedText(JSON.parse(canonicalJson(plain(record))) as JsonValue);
  if (!isResultRecord(parseChecked(text)))
    throw new TypeError('This is not a result record: a field is missing or wrong.');
  if (keyOf(record.fingerprint) !== record.key) {
    throw new TypeError(`The key ${record.key} is not the digest of the record's fingerprint.`);
  }
  return text;
}

/** Reads the text of the record of a key; what is wrong with it, in words, where it is not one. */
export function recordInText(text: string, key: Key): ResultRecord | string {
  const record = parseChecked(text);
  if (record === undefined) return 'cut off or changed: its check does not hold';
  if (!isResultRecord(record)) return 'not a result record';
  return record.key === key ? record : `the record of ${record.key}`;
}

/** Every digest whose content a record needs. */
export function digestsOf(record: ResultRecord): Digest[] {
  return Object.values(record.outputs).flatMap((artifact) => [
    artifact.digest,
    ...Object.values(artifact.files ?? {}).map((file) => file.digest),
  ]);
}

/** Drops fields that are undefined, which `notes` may be for a caller without exact optional types. */
function plain(record: ResultRecord): JsonValue {
  const { key, fingerprint, outputs, created, seconds, run, notes } = record;
  const described = Object.entries(outputs).map(([name, { type, digest, size, files }]) => [
    name,
    { type, digest, size, ...(files === undefined ? {} : { files }) },
  ]);
  const fields = { key, fingerprint, outputs: Object.fromEntries(described) as JsonValue, created, seconds, run };
  return notes === undefined ? fields : { ...fields, notes };
}
