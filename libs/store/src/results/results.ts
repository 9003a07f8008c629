import { rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { JsonValue } from '@sonde/base';
import type { Artifacts } from '../artifacts/types.ts';
import { isObtainable } from '../blobs/presence.ts';
import type { Context } from '../context.ts';
import { checkedText, parseChecked } from '../disk/checked.ts';
import type { Key } from '../disk/digest.ts';
import { BlobDamaged } from '../disk/errors.ts';
import { publish, writeFlushed } from '../disk/files.ts';
import { canonicalJson, keyOf } from '../disk/json.ts';
import { markUsed } from '../disk/use.ts';
import { damageOf, forgetDamage, quarantine } from '../quarantine.ts';
import { appendToIndex, createNearest } from './index-files.ts';
import { allResults, readRecord } from './read.ts';
import { isResultRecord } from './record.ts';
import type { FoundResult, LocalResults, ResultRecord } from './types.ts';

export function createResults(context: Context, artifacts: Artifacts): LocalResults {
  return {
    find: (key) => find(context, key),
    async get(key) {
      const found = await find(context, key);
      return found.presence === 'here' ? found.record : undefined;
    },
    async put(record) {
      await putResult(context, artifacts, record);
      await appendToIndex(context, record);
    },
    all: () => allResults(context),
    nearest: createNearest(context),
  };
}

async function find(context: Context, key: Key): Promise<FoundResult> {
  const { layout } = context;
  const found = readRecord(context, key);
  const path = layout.result(key);
  if (found.state === 'good') {
    if (!context.readOnly) await markUsed(path, found.file);
    return { presence: 'here', record: found.record };
  }
  if (found.state === 'bad') {
    await quarantine(context, path, { what: 'result', name: key, problem: found.problem }, found.file);
    return { presence: 'damaged', problem: found.problem, outputs: [] };
  }
  const damage = damageOf(layout, 'result', key);
  if (damage === undefined) return { presence: 'missing' };
  return { presence: 'damaged', problem: damage.problem, outputs: damage.outputs ?? [] };
}

/** Everything of a result is on disk when this returns; before that, none of it is visible. */
async function putResult(context: Context, artifacts: Artifacts, record: ResultRecord): Promise<void> {
  const text = checkedText(JSON.parse(canonicalJson(plain(record))) as JsonValue);
  if (!isResultRecord(parseChecked(text)))
    throw new TypeError('This is not a result record: a field is missing or wrong.');
  if (keyOf(record.fingerprint) !== record.key) {
    throw new TypeError(`The key ${record.key} is not the digest of the record's fingerprint.`);
  }
  for (const artifact of Object.values(record.outputs)) {
    // Garbage collection may have moved a blob aside to look at it; it puts back at once what is in use.
    const isThere = async () => isObtainable(await artifacts.presence(artifact));
    let there = await isThere();
    for (let attempt = 0; attempt < 5 && !there; attempt++) {
      await delay(50);
      there = await isThere();
    }
    if (!there) {
      throw new BlobDamaged(artifact.digest, 'missing', context.layout.blob(artifact.digest));
    }
  }
  const temporary = (await context.holder()).temporary();
  try {
    await writeFlushed(temporary, text);
    await publish(temporary, context.layout.result(record.key));
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await forgetDamage(context.layout, 'result', record.key);
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
