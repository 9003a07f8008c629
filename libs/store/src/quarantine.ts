import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { codeOf } from '@sonde/base';
import type { Context } from './context.ts';
import { checkedText, parseChecked } from './disk/checked.ts';
import type { Digest } from './disk/digest.ts';
import type { Layout } from './disk/layout.ts';

/** Tells one state of a file from another without reading it. */
export interface FileState {
  readonly ino: number;
  readonly mtimeMs: number;
  readonly size: number;
}

export function sameState(a: FileState, b: FileState): boolean {
  return a.ino === b.ino && a.mtimeMs === b.mtimeMs && a.size === b.size;
}

/** What is bad, and why. */
export interface Damage {
  readonly what: 'blob' | 'result' | 'tree' | 'memo' | 'stray';
  /** Its digest or key; a stray or a memo's file has none. */
  readonly name?: Digest;
  /** `its content is not what its digest says`. */
  readonly problem: string;
  /** Of a result: the outputs whose content is lost; none where the record itself is bad. */
  readonly outputs?: readonly string[];
}

export interface NotedDamage extends Damage {
  /** Its name in the quarantine. */
  readonly moved: string;
  /** When it was found: ISO 8601, UTC. */
  readonly found: string;
}

/**
 * Moves a bad file (or tree) out of the way, for a person to look at, and remembers why. `judged` is the file as it was
 * found bad: a good one that took its place meanwhile stays. Returns where it went; undefined when it stayed or the
 * store is read-only.
 */
export async function quarantine(
  context: Context,
  path: string,
  damage: Damage,
  judged?: FileState,
): Promise<string | undefined> {
  if (!(await context.canWrite())) return undefined;
  const holder = await context.holder();
  const name = `${damage.what}-${basename(path)}-${holder.id}-${basename(holder.temporary())}`;
  const place = join(context.layout.quarantine, name);
  try {
    if (judged !== undefined && !sameState(await stat(path), judged)) return undefined;
    await rename(path, place);
    if (judged !== undefined && !sameState(await stat(place), judged)) {
      await rename(place, path);
      return undefined;
    }
  } catch (error) {
    // Another process was quicker.
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  await note(context, damage, name);
  return place;
}

async function note({ layout, holder }: Context, damage: Damage, moved: string): Promise<void> {
  if (damage.name === undefined) return;
  const beside = (await holder()).temporary();
  const { what, name, problem, outputs = [] } = damage;
  try {
    await mkdir(layout.notes, { recursive: true });
    await writeFile(beside, checkedText({ what, name, problem, outputs, moved, found: new Date().toISOString() }));
    await rename(beside, layout.note(what, damage.name));
  } catch {
    // It is out of the way, which counts; on a full disk the reason is lost.
    await rm(beside, { force: true });
  }
}

/** Why a thing is in quarantine. Synchronous: a plan asks for each task without a result. */
export function damageOf(layout: Layout, what: Damage['what'], name: Digest): NotedDamage | undefined {
  if (!hasNotes(layout)) return undefined;
  let text: string;
  try {
    text = readFileSync(layout.note(what, name), 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined;
    throw error;
  }
  return parseChecked(text) as NotedDamage | undefined;
}

/** To be called when a thing is there again. */
export async function forgetDamage(layout: Layout, what: Damage['what'], name: Digest): Promise<void> {
  if (hasNotes(layout)) await rm(layout.note(what, name), { force: true });
}

/** Most stores never have any: they are asked about every task. */
function hasNotes(layout: Layout): boolean {
  return existsSync(layout.notes);
}
