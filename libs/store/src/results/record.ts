import { isSafeName } from '../artifacts/trees.ts';
import type { StoredArtifact } from '../artifacts/types.ts';
import { isDigest } from '../disk/digest.ts';
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
