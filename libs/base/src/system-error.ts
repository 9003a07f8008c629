import type { Fault } from './user-error.ts';

/** The system's code of a failed call: `ENOENT`. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' && /^E[A-Z0-9]+$/.test(error.code) ? error.code : undefined;
}

/** What a system's code means: `path` where it says that what was named is not there or not of that kind. */
type Kind = Extract<Fault, 'no-space' | 'permission' | 'too-many-files' | 'io'> | 'path';

const MEANINGS: Readonly<Record<string, readonly [kind: Kind, meaning: string]>> = {
  ENOENT: ['path', 'there is no such file or folder'],
  ENOTDIR: ['path', 'a part of the path is a file, not a folder'],
  EISDIR: ['path', 'it is a folder, not a file'],
  EEXIST: ['path', 'it exists already'],
  ENOTEMPTY: ['path', 'the folder is not empty'],
  ENAMETOOLONG: ['path', 'the name is too long for this file system'],
  ELOOP: ['path', 'its symbolic links go in a circle'],
  ENOSPC: ['no-space', 'there is no space left on the disk'],
  EDQUOT: ['no-space', 'the disk quota is used up'],
  EFBIG: ['no-space', 'the file system does not take a file of this size'],
  EACCES: ['permission', 'permission is denied'],
  EPERM: ['permission', 'the operation is not permitted'],
  EROFS: ['permission', 'the file system is read-only'],
  EMFILE: ['too-many-files', 'too many files are open in this process'],
  ENFILE: ['too-many-files', 'too many files are open on this machine'],
  EIO: ['io', 'the disk or the network file system failed'],
  ESTALE: ['io', 'the network file system has lost the file'],
};

export interface SystemFailure {
  readonly kind: Kind;
  /** `there is no space left on the disk`. */
  readonly meaning: string;
  /** What the call was about, where the system says so: of two paths the one written to. */
  readonly path: string | undefined;
  readonly action: 'Writing' | 'Reading' | 'Copying to' | 'Opening';
}

/** A failed system call in words; undefined for every other error. */
export function systemFailure(error: unknown): SystemFailure | undefined {
  const code = codeOf(error);
  if (code === undefined || !(error instanceof Error)) return undefined;
  const { path, dest, syscall } = error as NodeJS.ErrnoException & { readonly dest?: unknown };
  const known = MEANINGS[code];
  if (known === undefined && syscall === undefined) return undefined;
  const [kind, meaning] = known ?? (['io', `the system said ${code}`] as const);
  const place = dest ?? path;
  return { kind, meaning, path: typeof place === 'string' ? place : undefined, action: actionOf(syscall) };
}

function actionOf(call: string | undefined): SystemFailure['action'] {
  if (call === 'write' || call === 'fsync' || call === 'rename' || call === 'mkdir') return 'Writing';
  if (call === 'read' || call === 'scandir' || call === 'stat' || call === 'lstat') return 'Reading';
  if (call === 'copyfile') return 'Copying to';
  return 'Opening';
}
