import { rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { Artifacts } from '../artifacts/types.ts';
import { isObtainable } from '../blobs/presence.ts';
import type { Context } from '../context.ts';
import type { Key } from '../disk/digest.ts';
import { BlobDamaged } from '../disk/errors.ts';
import { publish, writeFlushed } from '../disk/files.ts';
import { markUsed } from '../disk/use.ts';
import { damageOf, forgetDamage, quarantine } from '../quarantine.ts';
import { appendToIndex, createNearest } from './index-files.ts';
import { allResults, readRecord } from './read.ts';
import { textOfRecord } from './record.ts';
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
  const text = textOfRecord(record);
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
