import { UserError } from '@sonde/base';
import { PbfReader } from 'pbf';
import type { Integer } from './types.ts';

/** Messages inside messages; the deepest ONNX models in use nest a few control-flow graphs. */
const MOST_NESTED = 128;
/** Messages in one file: an empty one takes two bytes of a file and hundreds in memory. */
const MOST_MESSAGES = 1_000_000;

/**
 * A protobuf reader for files from strangers: a length that reaches beyond what surrounds it, nesting without end and a
 * flood of empty messages are refused, so that memory stays in proportion to the file.
 */
export class BoundedReader extends PbfReader {
  #end: number;
  #depth = 0;
  #left = MOST_MESSAGES;

  constructor(bytes: Uint8Array) {
    super(bytes);
    this.#end = bytes.length;
  }

  /** Reads a length and gives where what it measures ends. */
  #claim(): number {
    const length = this.readVarint();
    const end = this.pos + length;
    if (!(length >= 0 && end <= this.#end))
      throw new UserError('model', 'Not an ONNX model, or one that is cut short.');
    return end;
  }

  #peek(): void {
    const at = this.pos;
    this.#claim();
    this.pos = at;
  }

  override readFields<T>(readField: (tag: number, result: T, pbf: PbfReader) => void, result: T, end = this.#end): T {
    super.readFields(readField, result, end);
    if (this.pos !== end) throw new UserError('model', 'Not an ONNX model, or one that is cut short.');
    return result;
  }

  override readMessage<T>(readField: (tag: number, result: T, pbf: PbfReader) => void, result: T): T {
    const outer = this.#end;
    if (++this.#depth > MOST_NESTED) throw new UserError('model', `An ONNX model nested deeper than ${MOST_NESTED}.`);
    if (--this.#left < 0) throw new UserError('model', `An ONNX model of more than ${MOST_MESSAGES} parts.`);
    this.#end = this.#claim();
    this.readFields(readField, result, this.#end);
    this.#end = outer;
    this.#depth--;
    return result;
  }

  override readString(): string {
    this.#peek();
    return super.readString();
  }

  override readBytes(): Uint8Array {
    this.#peek();
    return super.readBytes();
  }

  override readPackedEnd(): number {
    return this.type === 2 ? this.#claim() : this.pos + 1;
  }

  /** A signed 64-bit integer without loss: a number where one holds it, else a bigint. */
  readInt64(): Integer {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.buf[this.pos++];
      if (byte === undefined) break;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return toInteger(BigInt.asIntN(64, value));
    }
    throw new UserError('model', 'Not an ONNX model: an integer does not end.');
  }

  readPackedInt64(into: Integer[]): void {
    const end = this.readPackedEnd();
    while (this.pos < end) into.push(this.readInt64());
  }
}

function toInteger(value: bigint): Integer {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
