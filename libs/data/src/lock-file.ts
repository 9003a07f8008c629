import { randomBytes } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { isRecord, repeatedKey, UserError } from '@sonde/base';

/**
 * What a pipeline file means by names that can move, beside it: the commits of hub revisions (`hf:owner/name@revision` →
 * commit), and the contents of its modules (path from the file's folder → `sha256:…`).
 */
export interface LockFile {
  readonly path: string;
  get(name: string): Promise<string | undefined>;
  set(name: string, commit: string): Promise<void>;
  /** The digest that a module had. */
  pinOf(module: string): Promise<string | undefined>;
  pin(module: string, digest: string): Promise<void>;
}

interface Locked {
  readonly hub: Readonly<Record<string, string>>;
  readonly modules: Readonly<Record<string, string>>;
}

const NOTHING: Locked = { hub: {}, modules: {} };

function failure(message: string, hint: string): UserError {
  return new UserError('lock', message, hint);
}

async function read(path: string): Promise<Locked> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return NOTHING;
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
  const twice = repeatedKey(text);
  if (twice !== undefined) throw wrong(`holds ${JSON.stringify(twice)} twice`);
  const { sonde, hub, modules = {} } = (value ?? {}) as { sonde?: unknown; hub?: unknown; modules?: unknown };
  if (sonde !== 1 || !isRecord(hub) || !isRecord(modules)) throw wrong('is not a lock file of this version');
  for (const [name, commit] of Object.entries(hub)) {
    if (typeof commit !== 'string' || !/^[0-9a-f]{40}$/.test(commit)) throw wrong(`names no commit for ${name}`);
  }
  for (const [name, digest] of Object.entries(modules)) {
    if (typeof digest !== 'string' || !/^sha256:[0-9a-f]{64}$/.test(digest)) throw wrong(`names no digest for ${name}`);
  }
  return { hub, modules } as Locked;
}

function sorted(entries: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(entries).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Opens `sonde.lock`; the file need not exist. Its errors are for a person. */
export function openLockFile(path: string): LockFile {
  let known: Promise<Locked> | undefined;
  let writing: Promise<void> = Promise.resolve();

  const write = async (part: keyof Locked, name: string, value: string, hint: string): Promise<void> => {
    // Read again: another run in this folder may have added to it.
    const now = await read(path);
    const changed: Locked = { ...now, [part]: sorted({ ...now[part], [name]: value }) };
    const beside = `${path}.${randomBytes(6).toString('hex')}`;
    try {
      const modules = Object.keys(changed.modules).length === 0 ? {} : { modules: changed.modules };
      await writeFile(beside, `${JSON.stringify({ sonde: 1, hub: changed.hub, ...modules }, null, 2)}\n`);
      await rename(beside, path);
    } catch (error) {
      await rm(beside, { force: true }).catch(() => undefined);
      throw failure(`${path} cannot be written: ${(error as Error).message}`, hint);
    }
    known = Promise.resolve(changed);
  };

  const find = async (part: keyof Locked, name: string): Promise<string | undefined> => {
    known ??= read(path);
    const found = (await known)[part];
    return Object.hasOwn(found, name) ? found[name] : undefined;
  };
  const queue = (work: () => Promise<void>): Promise<void> => {
    const written = writing.then(work);
    writing = written.catch(() => undefined);
    return written;
  };

  return {
    path,
    get: (name) => find('hub', name),
    set: (name, commit) =>
      queue(() =>
        write(
          'hub',
          name,
          commit,
          `Without it, write the commit into the pipeline: ${name.replace(/@.*/, '')}@${commit}.`,
        ),
      ),
    pinOf: (module) => find('modules', module),
    pin: (module, digest) =>
      queue(() => write('modules', module, digest, 'Make it writable, or name the module with --module.')),
  };
}
