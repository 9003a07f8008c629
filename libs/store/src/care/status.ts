import { stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { treeDigests } from '../artifacts/tree-folders.ts';
import { blobFiles } from '../blobs/list.ts';
import type { Context } from '../context.ts';
import { bytesBelow, namesIn, tolerate } from '../disk/files.ts';
import { LAYOUT } from '../disk/layout.ts';
import { holderIds } from '../leases/holder-files.ts';
import { allSegments, makersIn } from '../memos/segments.ts';
import { countRecords } from '../results/read.ts';
import { runIds } from '../runs/runs.ts';
import { readPins } from './pins.ts';
import type { MemoStatus, StoreStatus } from './types.ts';

export async function statusOf(context: Context): Promise<StoreStatus> {
  const { layout } = context;
  let [blobs, bytes] = [0, 0];
  for await (const { path } of blobFiles(context)) {
    blobs += 1;
    bytes += (await tolerate(['ENOENT'], stat(path)))?.size ?? 0;
  }
  const leased = (await namesIn(layout.leases)).filter((name) => name !== 'holders');
  let leases = 0;
  for (const key of leased) {
    for (const name of await namesIn(`${layout.leases}/${key}`)) {
      if ((await context.watch.look(name.split('.')[0] ?? '')) !== 'dead') leases += 1;
    }
  }
  const temporary = await Promise.all((await holderIds(layout)).map((id) => bytesBelow(join(layout.tmp, id))));
  return {
    dir: layout.dir,
    layout: LAYOUT,
    blobs,
    bytes,
    results: await countRecords(context),
    runs: (await runIds(context)).length,
    trees: (await treeDigests(context)).length,
    memos: await memoStatus(context),
    quarantined: (await namesIn(layout.quarantine)).filter((name) => name !== basename(layout.notes)).length,
    quarantinedBytes: await bytesBelow(layout.quarantine),
    pins: (await readPins(context)).length,
    leases,
    temporaryBytes: temporary.reduce((sum, size) => sum + size, 0),
  };
}

async function memoStatus(context: Context): Promise<MemoStatus> {
  let [values, bytes] = [0, 0];
  for await (const { segment } of allSegments(context)) {
    values += segment.count;
    bytes += (await tolerate(['ENOENT'], stat(segment.path)))?.size ?? 0;
  }
  return { makers: (await makersIn(context)).length, values, bytes };
}
