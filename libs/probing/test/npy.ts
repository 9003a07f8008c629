import { readFileSync } from 'node:fs';

/** A fixture array (NumPy format 1.0, C order, little-endian) as numbers, with its shape. */
export function readNpy(name: string): { shape: number[]; data: Float64Array } {
  const bytes = readFileSync(new URL(`fixtures/${name}`, import.meta.url));
  const headerLength = bytes.readUInt16LE(8);
  const header = bytes.toString('latin1', 10, 10 + headerLength);
  const type = /'descr': '([^']+)'/.exec(header)?.[1];
  const shape = /'shape': \(([^)]*)\)/
    .exec(header)![1]!
    .split(',')
    .filter((part) => part.trim() !== '')
    .map(Number);
  const body = bytes.subarray(10 + headerLength);
  const count = shape.reduce((product, size) => product * size, 1);
  const read: Record<string, (i: number) => number> = {
    '<f8': (i) => body.readDoubleLE(i * 8),
    '<f4': (i) => body.readFloatLE(i * 4),
    '<i4': (i) => body.readInt32LE(i * 4),
    '|u1': (i) => body.readUInt8(i),
  };
  const at = read[type ?? ''];
  if (at === undefined) throw new Error(`${name} holds ${type}`);
  return { shape, data: Float64Array.from({ length: count }, (_, i) => at(i)) };
}
