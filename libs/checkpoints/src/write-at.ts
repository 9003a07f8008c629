import type { FileHandle } from 'node:fs/promises';

/** Writes all bytes of an array at a place of a file: one call may write fewer. */
export async function writeAt(handle: FileHandle, data: Uint8Array | Float32Array, position: number): Promise<void> {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  for (let done = 0; done < bytes.length; ) {
    done += (await handle.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
  }
}
