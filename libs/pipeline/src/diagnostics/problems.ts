import type { SourceFile, SourceRange } from '../values/source.ts';
import { shorten } from '../values/words.ts';
import type { Code } from './codes.ts';
import type { Diagnostic } from './diagnostic.ts';

/** A hint, or how to find it: what is never told is never looked for. */
export type Hint = string | (() => string | undefined);

/** Gathers the diagnostics of a load. */
export interface Problems {
  error(code: Code, range: SourceRange | undefined, message: string, hint?: Hint): void;
  warning(code: Code, range: SourceRange | undefined, message: string, hint?: Hint): void;
  /** Errors reported so far, the same one as often as it was met: a rise says that something went wrong since. */
  errorCount(): number;
  /**
   * Each once, by file (in the order in which the files were first blamed) and position; of one code no more than
   * `MAX_TOLD`, and then how many are left.
   */
  all(): readonly Diagnostic[];
}

/** So many problems of one code are told: who has mended these knows the rest. */
export const MAX_TOLD = 50;

/** Problems, equal ones among them, after which no more files and tasks are looked at. */
export const MAX_PROBLEMS = 10_000;

/** Characters of a message, or of a hint: what they quote from a file can be as long as the file. */
const MAX_MESSAGE = 1000;

interface Told {
  readonly diagnostic: Diagnostic;
  times: number;
}

export function createProblems(): Problems {
  const found = new Map<string, Told>();
  const kinds = new Map<string, { told: number; more: number }>();
  const files = new Map<SourceFile, number>();
  let errors = 0;
  function add(
    severity: Diagnostic['severity'],
    code: Code,
    range: SourceRange | undefined,
    whole: string,
    hint?: Hint,
  ): void {
    if (severity === 'error') errors++;
    const file = range === undefined ? undefined : range.file;
    if (file !== undefined && !files.has(file)) files.set(file, files.size);
    const place = range === undefined ? '' : `${files.get(range.file)}:${range.start}:${range.end}`;
    // The place of use is in the hint and may differ; the problem is still one.
    const message = shorten(whole, MAX_MESSAGE);
    const id = `${code} ${place} ${message}`;
    const known = found.get(id);
    if (known !== undefined) {
      known.times++;
      return;
    }
    const kind = kinds.get(code) ?? { told: 0, more: 0 };
    kinds.set(code, kind);
    if (kind.told === MAX_TOLD) {
      kind.more++;
      return;
    }
    kind.told++;
    const said = typeof hint === 'function' ? hint() : hint;
    const diagnostic: Diagnostic = {
      code,
      severity,
      message,
      ...(range === undefined ? {} : { range }),
      ...(said === undefined ? {} : { hint: shorten(said, MAX_MESSAGE) }),
    };
    found.set(id, { diagnostic, times: 1 });
  }
  function order({ range }: Diagnostic): readonly [number, number] {
    return range === undefined ? [-1, 0] : [files.get(range.file) ?? 0, range.start];
  }
  return {
    error: (code, range, message, hint) => add('error', code, range, message, hint),
    warning: (code, range, message, hint) => add('warning', code, range, message, hint),
    errorCount: () => errors,
    all: () => {
      const told = [...found.values()].map(
        ({ diagnostic, times }): Diagnostic => (times === 1 ? diagnostic : { ...diagnostic, times }),
      );
      told.sort((a, b) => {
        const [fileA, startA] = order(a);
        const [fileB, startB] = order(b);
        return fileA - fileB || startA - startB;
      });
      for (const [code, { more }] of kinds) {
        const like = told.findLast((one) => one.code === code);
        if (more > 0 && like !== undefined)
          told.push({ code: like.code, severity: like.severity, message: `${more} more problems of this kind` });
      }
      return told;
    },
  };
}
