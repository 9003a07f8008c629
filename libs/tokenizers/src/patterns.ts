import { isRecord, UserError } from '@sonde/base';
import { toRegExp } from 'oniguruma-to-es';

/** Places of a text, in UTF-16 units: [start, end) of each match. */
export type Matches = readonly (readonly [number, number])[];

/** Finds where a pattern of tokenizer.json is in a text, from left to right. */
export type Pattern = (text: string) => Matches;

/**
 * A pattern of tokenizer.json: a text, or an expression of Oniguruma in JavaScript's words.
 * @throws UserError if the expression has a construct that is not followed
 */
export function patternOf(pattern: unknown): Pattern {
  const { String: text, Regex: source } = isRecord(pattern) ? pattern : {};
  if (typeof text === 'string') return text === '' ? everywhere : textPattern(text);
  return matching(compile(String(source)));
}

/**
 * Where an expression is: empty matches too, but for one at the end of the match before it.
 * @param each global
 */
export function matching(each: RegExp): Pattern {
  return (text) => {
    const found: [number, number][] = [];
    let last = -1;
    each.lastIndex = 0;
    for (let match = each.exec(text); match; match = each.exec(text)) {
      const end = match.index + match[0].length;
      if (match[0] === '') each.lastIndex = end + ((text.codePointAt(end) ?? 0) > 0xffff ? 2 : 1);
      if (match[0] === '' && (end === last || isInside(text, end))) continue;
      found.push([match.index, end]);
      last = end;
    }
    return found;
  };
}

/** Whether a place is between the two units of a character: an engine may find nothing there. */
function isInside(text: string, place: number): boolean {
  return place > 0 && (text.codePointAt(place - 1) ?? 0) > 0xffff;
}

function textPattern(wanted: string): Pattern {
  return (text) => {
    const found: [number, number][] = [];
    for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + wanted.length)) {
      found.push([at, at + wanted.length]);
    }
    return found;
  };
}

const everywhere = matching(/(?:)/gu);

const compiled = new Map<string, RegExp>();

function compile(source: string): RegExp {
  const known = compiled.get(source);
  if (known) return known;
  let made: RegExp;
  try {
    made = toRegExp(source, { global: true });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UserError(
      'model',
      `The expression ${JSON.stringify(source)} of tokenizer.json is not supported: ${reason}`,
    );
  }
  compiled.set(source, made);
  return made;
}
