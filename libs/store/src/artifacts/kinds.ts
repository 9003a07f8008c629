import { lstat, readlink } from 'node:fs/promises';
import { StoreError } from '../disk/errors.ts';

/** What lies at a path, which is not followed where it is a link. Throws where it is neither a file nor a folder. */
export async function fileOrFolder(path: string): Promise<'file' | 'folder'> {
  const found = await lstat(path);
  if (found.isFile()) return 'file';
  if (found.isDirectory()) return 'folder';
  const kind = found.isSymbolicLink()
    ? `a symbolic link to ${await readlink(path)}`
    : found.isFIFO()
      ? 'a FIFO'
      : found.isSocket()
        ? 'a socket'
        : 'a device';
  throw new StoreError('io', `${path} is ${kind}; expected a file or a folder of files.`, {
    hint: 'Put the file itself there.',
    path,
  });
}
