/** GPT-2's spelling of bytes by printable characters: those that are printable stand for themselves, the rest follow U+0100. */
const BYTE_OF_CHARACTER = (() => {
  const table = new Map<string, number>();
  let next = 256;
  for (let byte = 0; byte < 256; byte++) {
    const printable = (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
    table.set(String.fromCodePoint(printable ? byte : next++), byte);
  }
  return table;
})();

export function byteOf(character: string): number | undefined {
  return BYTE_OF_CHARACTER.get(character);
}

/** The bytes that a token's characters stand for; null where one of them stands for none. */
export function bytesOf(token: string): number[] | null {
  const bytes = Array.from(token, byteOf);
  return bytes.every((byte) => byte !== undefined) ? bytes : null;
}
