import { join } from 'node:path';
import type { Artifacts } from '../artifacts/types.ts';
import type { BlobFolder } from '../blobs/folder.ts';
import type { Context } from '../context.ts';
import { StoreError } from '../disk/errors.ts';
import { checkLayout } from '../disk/marker.ts';
import { rebuildIndex } from '../results/index-files.ts';
import { readRun, runIds } from '../runs/runs.ts';
import { type Check, checkBlobs, checkMemos, checkResults, checkTrees } from './checks.ts';
import { readPins } from './pins.ts';
import { reinstateResults } from './repair.ts';
import type { Problem, VerifyOptions, VerifyReport } from './types.ts';

/**
 * Reads everything. What is bad is quarantined, so that it is computed anew, or only reported where the store cannot be
 * written to. `repair` makes what follows from the rest again first.
 */
export async function verifyStore(
  context: Context,
  blobs: BlobFolder,
  artifacts: Artifacts,
  { onProgress = () => {}, repair = false }: VerifyOptions = {},
): Promise<VerifyReport> {
  const exists = await checkLayout(context.layout);
  if (repair && exists) await context.holder();
  const writable = exists && (await context.canWrite());
  const problems: Problem[] = [];
  const check: Check = { context, blobs, artifacts, repair: repair && exists, problems, onProgress };
  const read = await checkBlobs(check);
  if (check.repair) await reinstateResults(context, blobs, artifacts, problems);
  const results = await checkResults(check, read.bytes);
  const trees = await checkTrees(check, read.bytes);
  const values = await checkMemos(check, read.bytes);
  problems.push(...(await otherProblems(context)));
  if (writable && results > 0) await rebuildIndex(context);
  const ok = problems.every((problem) => problem.repaired !== undefined);
  return { ok, writable, ...read, results, trees, values, problems };
}

/** What nothing else follows from, and only a person can mend: it stays where it is. */
async function otherProblems(context: Context): Promise<Problem[]> {
  const problems: Problem[] = [];
  try {
    await readPins(context);
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== 'corrupt') throw error;
    const problem = 'it cannot be read; nothing is collected until then';
    problems.push({ kind: 'pins', path: context.layout.pins, problem });
  }
  for (const id of await runIds(context)) {
    if ((await readRun(context, id)) !== undefined) continue;
    problems.push({ kind: 'run', path: join(context.layout.runs, id), problem: 'its run.json cannot be read' });
  }
  return problems;
}
