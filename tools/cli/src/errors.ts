/** Exit statuses, as the command line promises them. */
export const EXIT = { done: 0, failed: 1, invalid: 2, work: 3, machine: 4, interrupted: 130, terminated: 143 } as const;

/** A mistake in what the user gave: the message says what was found and what to do. Ends with status 2. */
export class UsageError extends Error {
  readonly hint: string | undefined;
  constructor(message: string, hint?: string) {
    super(message);
    this.name = 'UsageError';
    this.hint = hint;
  }
}

/** What a failed call of the system means, and whose it is: what the user named, or the machine. */
const SYSTEM: Readonly<Record<string, readonly [status: number, meaning: string]>> = {
  ENOENT: [EXIT.invalid, 'there is no such file or folder'],
  EISDIR: [EXIT.invalid, 'it is a folder, not a file'],
  ENOTDIR: [EXIT.invalid, 'a part of the path is a file, not a folder'],
  EEXIST: [EXIT.invalid, 'it exists already'],
  ENOTEMPTY: [EXIT.invalid, 'the folder is not empty'],
  ENAMETOOLONG: [EXIT.invalid, 'the name is too long for this file system'],
  EACCES: [EXIT.machine, 'permission is denied'],
  EPERM: [EXIT.machine, 'the operation is not permitted'],
  EROFS: [EXIT.machine, 'the file system is read-only'],
  ENOSPC: [EXIT.machine, 'there is no space left on the disk'],
  EDQUOT: [EXIT.machine, 'the disk quota is used up'],
  EMFILE: [EXIT.machine, 'too many files are open'],
  EIO: [EXIT.machine, 'the disk or the network file system failed'],
};

/** A failed system call as a message and an exit status; undefined for other errors. */
export const systemFailure = (error: unknown): { readonly status: number; readonly message: string } | undefined => {
  if (!(error instanceof Error)) return undefined;
  const { code = '', path, dest } = error as NodeJS.ErrnoException & { readonly dest?: string };
  const [status, meaning] = SYSTEM[code] ?? [];
  if (status === undefined) return undefined;
  const place = dest ?? path;
  return { status, message: place === undefined ? `${meaning} (${error.message})` : `${place}: ${meaning}` };
};

/** Ends the command with this status; everything there is to say has been said. */
export class Exit extends Error {
  readonly status: number;
  constructor(status: number) {
    super(`exit ${status}`);
    this.name = 'Exit';
    this.status = status;
  }
}
