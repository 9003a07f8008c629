import { readFile } from 'node:fs/promises';
import { isRecord, UserError } from '@sonde/base';

function isAbsent(error: unknown): boolean {
  return isRecord(error) && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}

/**
 * JSON as Python writes it, with `Infinity` and `NaN`: infinite numbers, and the text "NaN", which no field takes for a
 * number.
 */
function parsePython(text: string): unknown {
  const words: Readonly<Record<string, string>> = { Infinity: '1e999', '-Infinity': '-1e999', NaN: '"NaN"' };
  return JSON.parse(text.replace(/"(?:[^"\\]|\\.)*"|-?Infinity|NaN/g, (word) => words[word] ?? word));
}

/** A JSON object from a text. @param where it comes from, for messages @throws UserError if it is not such */
export function parseJson(where: string, text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = parsePython(text);
  } catch (error) {
    if (text.trim() === '')
      throw new UserError('model', `${where} is empty; a JSON object was expected. Fetch it again.`);
    throw new UserError('model', `${where} is not JSON (${error instanceof Error ? error.message : String(error)}).`);
  }
  if (!isRecord(value)) throw new UserError('model', `${where} is not a JSON object.`);
  return value;
}

/** A JSON object from a file. @throws UserError if the file is absent (`what` begins the message) or not such */
export async function readJson(path: string, what: string): Promise<Record<string, unknown>> {
  const value = await readJsonIfThere(path);
  if (!value) throw new UserError('model', `${what} is missing: there is no ${path}.`);
  return value;
}

export async function readJsonIfThere(path: string): Promise<Record<string, unknown> | null> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (isAbsent(error)) return null;
    throw error;
  }
  return parseJson(path, text);
}
