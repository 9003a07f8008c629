import type { Code } from '../diagnostics/codes.ts';

/** A problem in a config, by its path. */
export interface ConfigIssue {
  readonly path: readonly (string | number)[];
  /** It is about the key at the path, not its value. */
  readonly key: boolean;
  readonly code: Code;
  readonly message: string;
  readonly hint?: string;
  /** The value is of another sort altogether than the schema expects; what that expects, in words. */
  readonly expected?: readonly string[];
  /** The words allowed, where the value is none of them. */
  readonly allowed?: readonly unknown[];
}
