import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type ResultRecord, type Store, type StoredArtifact, StoreError } from '@sonde/store';
import { TaskFailure } from '../failure.ts';
import type { Done, Unit } from './unit.ts';

/** Takes what was written into the store: the outputs first, the record last, and only if no input has changed. */
export async function publish(
  { store, run }: { readonly store: Store; readonly run: string },
  unit: Unit,
  { folder, out, began, seconds, device }: Done,
): Promise<ResultRecord> {
  try {
    const names = await writtenOutputs(unit, out);
    await unit.checkInputs();
    const artifacts = await Promise.all(names.map((name) => putOutput(store, unit, name, join(out, name))));
    const record: ResultRecord = {
      key: unit.key,
      fingerprint: unit.fingerprint,
      outputs: Object.fromEntries(names.map((name, index) => [name, artifacts[index]!])),
      created: new Date().toISOString(),
      seconds: Math.round((unit.secondsBefore + seconds) * 1000) / 1000,
      run,
      notes: { ...unit.notes(), device, began },
    };
    await store.results.put(record);
    return record;
  } finally {
    await store.removeScratch(folder);
  }
}

/** The names of the outputs, all of which are there. */
async function writtenOutputs({ task, listener }: Unit, out: string): Promise<string[]> {
  const written = await readdir(out);
  const names = Object.keys(task.outputs);
  const missing = names.filter((name) => !written.includes(name));
  if (missing.length > 0) {
    throw new TaskFailure({
      code: 'output',
      message: `The step ended without writing ${missing.map((name) => `\`${name}\``).join(', ')}.`,
    });
  }
  for (const name of written.filter((other) => !names.includes(other))) {
    listener.log('warning', `The step wrote \`${name}\`, which is none of its outputs; it is left out.`);
  }
  return names;
}

async function putOutput(store: Store, unit: Unit, name: string, path: string): Promise<StoredArtifact> {
  try {
    return await store.artifacts.put(unit.task.outputs[name]!.type, path, { move: true });
  } catch (error) {
    // About what the step wrote (an empty folder, a link), not about the store.
    if (!(error instanceof StoreError && error.code === 'io' && error.path?.startsWith(path))) throw error;
    // Where it lies is nothing that a person has chosen, or will find.
    const message = error.message.replaceAll(path, name);
    throw new TaskFailure({ code: 'output', message: `Its output \`${name}\` cannot be kept: ${message}` });
  }
}
