import type { SourceFile, SourceRange } from '../values/source.ts';

const starts = new WeakMap<SourceFile, readonly number[]>();

function lineStarts(file: SourceFile): readonly number[] {
  const known = starts.get(file);
  if (known !== undefined) return known;
  const found = [0];
  for (let at = file.text.indexOf('\n'); at !== -1; at = file.text.indexOf('\n', at + 1)) found.push(at + 1);
  starts.set(file, found);
  return found;
}

export interface Position {
  /** From 1. */
  readonly line: number;
  /** From 1, in code points. */
  readonly column: number;
  /** The offset at which the line starts. */
  readonly lineStart: number;
}

/** The line of an offset, without counting columns: lines can be as long as the file. */
export function lineOf(file: SourceFile, offset: number): { readonly line: number; readonly lineStart: number } {
  const lines = lineStarts(file);
  let low = 0;
  let high = lines.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (lines[middle]! <= offset) low = middle;
    else high = middle - 1;
  }
  return { line: low + 1, lineStart: lines[low]! };
}

/** Line and column of an offset. */
export function positionAt(file: SourceFile, offset: number): Position {
  const { line, lineStart } = lineOf(file, offset);
  let column = 1;
  for (const _ of file.text.slice(lineStart, offset)) column++;
  return { line, column, lineStart };
}

/** The line that starts at `lineStart`, without its end. */
export function lineAt(file: SourceFile, lineStart: number): string {
  const end = file.text.indexOf('\n', lineStart);
  const line = file.text.slice(lineStart, end === -1 ? undefined : end);
  return line.endsWith('\r') ? line.slice(0, -1) : line;
}

/** `line 12`, with the file's name where it is another file than `from`. */
export function describePlace(range: SourceRange, from?: SourceFile): string {
  const { line } = lineOf(range.file, range.start);
  if (range.file === from) return `line ${line}`;
  const name = range.file.path.split(/[\\/]/).at(-1) ?? range.file.path;
  return range.file.path.startsWith('--') ? range.file.path : `${name}, line ${line}`;
}
