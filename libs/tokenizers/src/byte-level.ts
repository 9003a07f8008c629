/** GPT-2's spelling of bytes by printable characters: those that are printable stand for themselves, the rest follow U+0100. */
const CHARACTERS: readonly string[] = (() => {
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
    return String.fromCodePoint(printable ? byte : next++);
  });
})();
const BYTE_OF_CHARACTER: ReadonlyMap<string, number> = new Map(CHARACTERS.map((character, byte) => [character, byte]));

export const SPACE_CHARACTER = CHARACTERS[0x20]!;

/** The characters that stand for the bytes of a text. */
export function charactersOfBytes(text: string): string {
  let out = '';
  for (const byte of Buffer.from(text)) out += CHARACTERS[byte];
  return out;
}

/** The bytes that a token's characters stand for; null where one of them stands for none. */
export function bytesOf(token: string): number[] | null {
  const bytes: number[] = [];
  for (const character of token) {
    const byte = BYTE_OF_CHARACTER.get(character);
    if (byte === undefined) return null;
    bytes.push(byte);
  }
  return bytes;
}
