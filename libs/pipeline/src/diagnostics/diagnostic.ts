import type { SourceRange } from '../values/source.ts';
import type { Code } from './codes.ts';

/** A problem in a pipeline file, for people (rendered with line and caret) and programs (its code) alike. */
export interface Diagnostic {
  /** Stable: `SND1xx`, listed in docs/reference/diagnostics.md. */
  readonly code: Code;
  readonly severity: 'error' | 'warning';
  readonly message: string;
  /** Missing only where no file is to blame (a `--set` for a parameter that does not exist). */
  readonly range?: SourceRange;
  /** How often it was met, where that is more than once: in so many tasks of a matrix, say. */
  readonly times?: number;
  /** What was expected, the nearest valid name, or what to do next. */
  readonly hint?: string;
}
