const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function textOfRun(bytes: readonly number[]): string[] {
  if (bytes.length === 0) return [];
  try {
    return [utf8.decode(Uint8Array.from(bytes))];
  } catch {
    return bytes.map(() => '\uFFFD');
  }
}

/** Hugging Face's rule: a run of byte tokens that is not valid UTF-8 becomes one U+FFFD for each of its bytes. */
export function joinByteTokens(tokens: readonly string[]): string[] {
  const out: string[] = [];
  let run: number[] = [];
  for (const token of tokens) {
    const byte = /^<0x([0-9A-Fa-f]{2})>$/.exec(token)?.[1];
    if (byte !== undefined) run.push(Number.parseInt(byte, 16));
    else {
      out.push(...textOfRun(run), token);
      run = [];
    }
  }
  out.push(...textOfRun(run));
  return out;
}
