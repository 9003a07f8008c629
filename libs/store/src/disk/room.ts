import { statfs } from 'node:fs/promises';

/** Left free on the disk, in bytes. */
const RESERVE = 64 * 1024 * 1024;

/** Whether so many bytes fit on the disk of a folder, which exists, and a little stays free. */
export async function hasRoom(folder: string, bytes: number): Promise<boolean> {
  const { bavail, bsize } = await statfs(folder);
  return bytes + RESERVE <= bavail * bsize;
}
