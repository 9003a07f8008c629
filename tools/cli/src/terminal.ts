import pc from 'picocolors';
import stringWidth from 'string-width';
import { EXIT, Exit } from './errors.ts';

/** Where a command writes: results to standard output, everything else to standard error. */
export interface Terminal {
  readonly colors: ReturnType<typeof pc.createColors>;
  /** Standard error is a terminal that a live display can be drawn on. */
  readonly live: boolean;
  readonly columns: number;
  readonly quiet: boolean;
  readonly verbose: boolean;
  out(text: string): void;
  note(text: string): void;
  error(text: string): void;
}

export interface TerminalOptions {
  readonly color?: boolean;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
}

/** Honours `NO_COLOR`, `CI`, `--no-color` and a pipe instead of a terminal. */
export function openTerminal(options: TerminalOptions): Terminal {
  const isTerminal = process.stderr.isTTY === true;
  const plain = options.color === false || Boolean(process.env.NO_COLOR) || process.env.TERM === 'dumb';
  const quiet = options.quiet === true;
  return {
    colors: pc.createColors(isTerminal && !plain),
    live: isTerminal && !process.env.CI && process.env.TERM !== 'dumb' && !quiet,
    columns: process.stderr.columns ?? 80,
    quiet,
    verbose: options.verbose === true,
    out: (text) => process.stdout.write(`${text}\n`),
    note: (text) => {
      if (!quiet) process.stderr.write(`${text}\n`);
    },
    error: (text) => process.stderr.write(`${text}\n`),
  };
}

/** A reader that went away (`| head`) is no failure: stop quietly. */
export function endOnClosedPipe(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT.done);
    throw error;
  });
}

/** What a terminal obeys or does not show: control characters, marks of direction, halves of surrogate pairs. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** A text on one line as a terminal may show it: what it would obey stands there as code points. */
export function visible(text: string): string {
  return text.replace(UNSEEN, (c) => `\\u{${c.codePointAt(0)!.toString(16)}}`);
}

/** A message as a terminal may show it: in it may be words of a service, a program or a file. */
export function message(text: string): string {
  return text
    .split(/([\n\t])/)
    .map((part) => (part === '\n' || part === '\t' ? part : visible(part)))
    .join('');
}

/** Prints one JSON object, the whole answer of a `--json` command. */
export function printJson(terminal: Terminal, value: unknown): void {
  terminal.out(jsonText(value, 2));
}

/** JSON; on its way to a terminal, what that would obey is escaped, which is the same JSON. */
export function jsonText(value: unknown, indent?: number): string {
  const text = JSON.stringify(value, null, indent);
  if (process.stdout.isTTY !== true) return text;
  const escaped = (c: string): string =>
    Array.from(c, (_, i) => `\\u${c.charCodeAt(i).toString(16).padStart(4, '0')}`).join('');
  return text.replace(UNSEEN, (c) => (c === '\n' ? c : escaped(c)));
}

/** Lines up columns by their width on the screen; the last column is not padded. */
export function alignColumns(rows: readonly (readonly string[])[], gap = 2): string[] {
  const widths: number[] = [];
  for (const row of rows)
    row.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, stringWidth(cell));
    });
  return rows.map((row) =>
    row
      .map((cell, i) => (i === row.length - 1 ? cell : cell + ' '.repeat(widths[i]! - stringWidth(cell) + gap)))
      .join('')
      .trimEnd(),
  );
}

/** Lines of whole words, indented, that fit the terminal (80 columns where there is none). */
export function wrapText(text: string, indent: string): string[] {
  return wrapParts(text.split(/(?<= )/), indent, indent);
}

/** Lines of whole parts that fit the terminal likewise, the first of them after `first`, all others indented. */
export function wrapParts(parts: readonly string[], first: string, indent: string): string[] {
  const columns = process.stdout.columns ?? 80;
  const lines: string[] = [];
  let [line, isEmpty] = [first, true];
  for (const part of parts) {
    if (!isEmpty && stringWidth((line + part).trimEnd()) > columns) {
      lines.push(line.trimEnd());
      line = indent;
    }
    line += part;
    isEmpty = false;
  }
  return [...lines, line.trimEnd()];
}

export function exitWith(status: number): never {
  throw new Exit(status);
}

/** One line of standard error that is drawn again in its place, where it is a terminal. */
export function progressLine({ live }: Terminal) {
  return {
    show(text: string): void {
      if (live) process.stderr.write(`\r${text}\u001b[K`);
    },
    end(): void {
      if (live) process.stderr.write('\r\u001b[K');
    },
  };
}
