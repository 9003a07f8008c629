import { randomBytes } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { UserError } from '@sonde/base';

/** The commits that movable revisions stand for, beside the pipeline file: `hf:owner/name@revision` → commit. */
export interface LockFile {
  readonly path: string;
  get(name: string): Promise<string | undefined>;
  set(name: string, commit: string): Promise<void>;
}

function failure(message: string, hint: string): UserError {
  return new UserError('lock', message, hint);
}

async function read(path: string): Promise<Record<string, string>> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return {};
    throw failure(`${path} cannot be read: ${(error as Error).message}`, 'It holds the commits of hub revisions.');
  }
  const wrong = (why: string) =>
    failure(`${path} ${why}.`, 'Restore it from version control, or delete it to resolve all revisions anew.');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw wrong('is not JSON');
  }
  const { sonde, hub } = (value ?? {}) as { sonde?: unknown; hub?: unknown };
  if (sonde !== 1 || typeof hub !== 'object' || hub === null) throw wrong('is not a lock file of this version');
  for (const [name, commit] of Object.entries(hub)) {
    if (typeof commit !== 'string' || !/^[0-9a-f]{40}$/.test(commit)) throw wrong(`names no commit for ${name}`);
  }
  return hub as Record<string, string>;
}

/** Opens `sonde.lock`; the file need not exist. Its errors are for a person. */
export function openLockFile(path: string): LockFile {
  let known: Promise<Record<string, string>> | undefined;
  let writing: Promise<void> = Promise.resolve();

  const write = async (name: string, commit: string): Promise<void> => {
    // Read again: another run in this folder may have added to it.
    const hub = { ...(await read(path)), [name]: commit };
    const sorted = Object.fromEntries(Object.entries(hub).sort(([a], [b]) => (a < b ? -1 : 1)));
    const beside = `${path}.${randomBytes(6).toString('hex')}`;
    try {
      await writeFile(beside, `${JSON.stringify({ sonde: 1, hub: sorted }, null, 2)}\n`);
      await rename(beside, path);
    } catch (error) {
      await rm(beside, { force: true }).catch(() => undefined);
      throw failure(
        `${path} cannot be written: ${(error as Error).message}`,
        `Without it, write the commit into the pipeline: ${name.replace(/@.*/, '')}@${commit}.`,
      );
    }
    known = Promise.resolve(sorted);
  };

  return {
    path,
    async get(name) {
      known ??= read(path);
      const commits = await known;
      return Object.hasOwn(commits, name) ? commits[name] : undefined;
    },
    set(name, commit) {
      const written = writing.then(() => write(name, commit));
      writing = written.catch(() => undefined);
      return written;
    },
  };
}
