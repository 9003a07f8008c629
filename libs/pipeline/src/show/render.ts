import { relative } from 'node:path';
import pc from 'picocolors';
import stringWidth from 'string-width';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { lineAt, positionAt } from '../read/positions.ts';

const MAX_LINE = 160;
const BEFORE = 60;

/** Control characters and direction overrides of a stranger's file must not steer the terminal. */
function harmless(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g, (found) => {
    const unit = found.charCodeAt(0);
    return unit < 0x20 ? String.fromCharCode(0x2400 + unit) : '\ufffd';
  });
}

function expandTabs(text: string): string {
  return text.replaceAll('\t', '  ');
}

/**
 * A diagnostic for people: `file:line:column: error SND104: message`, the line, carets under the range, the hint.
 * Columns count code points from 1. Paths are shown relative to `cwd` where that is shorter.
 */
export function renderDiagnostic(
  diagnostic: Diagnostic,
  options: { readonly color?: boolean; readonly cwd?: string } = {},
): string {
  const colors = pc.createColors(options.color ?? false);
  const paint = diagnostic.severity === 'error' ? colors.red : colors.yellow;
  const times = diagnostic.times === undefined ? '' : ` (${diagnostic.times} times)`;
  const label = `${paint(colors.bold(`${diagnostic.severity} ${diagnostic.code}`))}: ${harmless(diagnostic.message)}${times}`;
  const hint = diagnostic.hint === undefined ? [] : [`  ${colors.cyan('hint:')} ${harmless(diagnostic.hint)}`];
  if (diagnostic.range === undefined) return [label, ...hint].join('\n');

  const { file, start, end } = diagnostic.range;
  const { line, column, lineStart } = positionAt(file, start);
  const place = `${harmless(shownPath(file.path, options.cwd))}:${line}:${column}`;
  const text = lineAt(file, lineStart);
  const from = Math.min(start - lineStart, text.length);
  const to = Math.max(from, Math.min(end - lineStart, text.length));
  const skipped = text.length > MAX_LINE && from > BEFORE ? from - BEFORE : 0;
  const cut = Math.min(text.length, skipped + MAX_LINE);
  const clean = (a: number, b: number): string => harmless(expandTabs(text.slice(a, b)));
  const head = `${skipped > 0 ? '…' : ''}${clean(skipped, from)}`;
  const marked = clean(from, Math.min(to, cut));
  const tail = `${clean(Math.min(to, cut), cut)}${cut < text.length ? '…' : ''}`;
  const gutter = String(line);
  const carets = '^'.repeat(Math.max(1, stringWidth(marked)));
  return [
    `${colors.bold(place)}: ${label}`,
    `${colors.dim(`${gutter} |`)} ${head}${marked}${tail}`.trimEnd(),
    `${colors.dim(`${' '.repeat(gutter.length)} |`)} ${' '.repeat(stringWidth(head))}${paint(carets)}`,
    ...hint,
  ].join('\n');
}

function shownPath(path: string, cwd: string | undefined): string {
  if (cwd === undefined || path.startsWith('--')) return path;
  const short = relative(cwd, path);
  return short !== '' && short.length < path.length ? short : path;
}
