import { link, lstat, mkdir, readdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { codeOf } from '@sonde/base';
import { FILE } from './provenance.ts';

/** In the results' folder itself, so that everything can be renamed into place. */
const STAGE = '.sonde-results';

/** What is to become of a results' folder, by the names in it. */
interface Plan {
  readonly put: readonly string[];
  readonly remove: readonly string[];
}

/** A change of a results' folder, prepared in a hidden folder in it. */
export interface Change {
  /** Where the new output of this name is to be written to. */
  place(file: string): string;
  /** Puts everything in its place by renames alone, or leaves all as it was. */
  commit(plan: Plan, provenance: string): Promise<void>;
  /** Takes away what was prepared and not used. */
  end(): Promise<void>;
}

/**
 * Begins a change of a folder, which nobody else may change meanwhile. Killed while it is prepared, the folder is as it
 * was. Killed while it takes place, there is no `provenance.json` that could say something wrong, and `finishChange`
 * does the rest.
 */
export async function beginChange(folder: string): Promise<Change> {
  const stage = stageOf(folder);
  await mkdir(stage.files, { recursive: true });
  await mkdir(stage.old);
  return {
    place: (file) => path.join(stage.files, file),
    async commit(plan, provenance) {
      await writeFile(stage.provenance, provenance);
      await writeFile(`${stage.plan}.new`, JSON.stringify(plan));
      await rename(`${stage.plan}.new`, stage.plan);
      await carryOut(folder, plan);
    },
    end: () => rm(stage.dir, { recursive: true, force: true }),
  };
}

/** Ends a change that a kill has cut off: one that had begun to take place is completed, another is forgotten. */
export async function finishChange(folder: string): Promise<void> {
  const stage = stageOf(folder);
  const text = await readFile(stage.plan, 'utf8').catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined;
    throw error;
  });
  if (text !== undefined) await carryOut(folder, JSON.parse(text) as Plan);
  await rm(stage.dir, { recursive: true, force: true });
}

function stageOf(folder: string) {
  const dir = path.join(folder, STAGE);
  return {
    dir,
    files: path.join(dir, 'files'),
    old: path.join(dir, 'old'),
    plan: path.join(dir, 'plan.json'),
    provenance: path.join(dir, FILE),
  };
}

/** Does what is not done yet; where that fails, what was done here is undone. */
async function carryOut(folder: string, plan: Plan): Promise<void> {
  const stage = stageOf(folder);
  const undo: (() => Promise<void>)[] = [];
  const setAside = async (target: string, keep: boolean): Promise<void> => {
    const aside = path.join(stage.old, String(undo.length));
    await rm(aside, { recursive: true, force: true });
    if (await moveAside(target, aside, keep)) undo.push(() => rename(aside, target));
  };
  const replace = async (from: string, target: string): Promise<void> => {
    if (!(await exists(from))) return;
    await mkdir(path.dirname(target), { recursive: true });
    await setAside(target, true);
    await rename(from, target);
    undo.push(() => rename(target, from));
  };
  try {
    await setAside(path.join(folder, FILE), false);
    for (const file of plan.remove) await setAside(path.join(folder, file), false);
    for (const file of plan.put) await replace(path.join(stage.files, file), path.join(folder, file));
    await replace(stage.provenance, path.join(folder, FILE));
  } catch (error) {
    for (const step of undo.reverse()) await step();
    throw error;
  }
  for (const file of plan.remove) await removeEmptyFolders(folder, path.dirname(file));
}

/** False where nothing is there. `keep`: a file stays under its name too, so that it is never missing, only replaced. */
async function moveAside(target: string, aside: string, keep: boolean): Promise<boolean> {
  try {
    if (keep && (await lstat(target)).isFile()) {
      try {
        await link(target, aside);
        return true;
      } catch {
        // A file system without hard links.
      }
    }
    await rename(target, aside);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return false;
    throw error;
  }
}

async function exists(place: string): Promise<boolean> {
  return lstat(place).then(
    () => true,
    () => false,
  );
}

async function removeEmptyFolders(folder: string, name: string): Promise<void> {
  for (let parent = name; parent !== '.'; parent = path.dirname(parent)) {
    const names = await readdir(path.join(folder, parent)).catch(() => ['?']);
    if (names.length > 0) return;
    await rmdir(path.join(folder, parent));
  }
}
