import type { SourceFile, SourceRange } from '../values/source.ts';
import type { Code } from './codes.ts';
import type { Diagnostic } from './diagnostic.ts';

/** Gathers the diagnostics of a load. */
export interface Problems {
  error(code: Code, range: SourceRange | undefined, message: string, hint?: string): void;
  warning(code: Code, range: SourceRange | undefined, message: string, hint?: string): void;
  /** Errors reported so far, the same one as often as it was met: a rise says that something went wrong since. */
  errorCount(): number;
  /** Each once, by file (in the order in which the files were first blamed) and position. */
  all(): readonly Diagnostic[];
}

export function createProblems(): Problems {
  const found = new Map<string, Diagnostic>();
  const files = new Map<SourceFile, number>();
  let errors = 0;
  const add = (
    severity: Diagnostic['severity'],
    code: Code,
    range: SourceRange | undefined,
    message: string,
    hint?: string,
  ) => {
    const file = range === undefined ? undefined : range.file;
    if (file !== undefined && !files.has(file)) files.set(file, files.size);
    const place = range === undefined ? '' : `${files.get(range.file)}:${range.start}:${range.end}`;
    // The place of use is in the hint and may differ; the problem is still one.
    const id = `${code} ${place} ${message}`;
    if (severity === 'error') errors++;
    if (found.has(id)) return;
    found.set(id, {
      code,
      severity,
      message,
      ...(range === undefined ? {} : { range }),
      ...(hint === undefined ? {} : { hint }),
    });
  };
  const order = (diagnostic: Diagnostic): readonly [number, number] =>
    diagnostic.range === undefined ? [-1, 0] : [files.get(diagnostic.range.file) ?? 0, diagnostic.range.start];
  return {
    error: (code, range, message, hint) => add('error', code, range, message, hint),
    warning: (code, range, message, hint) => add('warning', code, range, message, hint),
    errorCount: () => errors,
    all: () =>
      [...found.values()].sort((a, b) => {
        const [fileA, startA] = order(a);
        const [fileB, startB] = order(b);
        return fileA - fileB || startA - startB;
      }),
  };
}
