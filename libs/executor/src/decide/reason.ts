import type { JsonValue } from '@sonde/base';
import type { Axes, TaskId } from '@sonde/pipeline';

/** Why a task runs, or does not: the same answer in `plan`, `run` and `explain`. */
export type Reason =
  /** Its result is in the store. */
  | { readonly code: 'hit' }
  /**
   * The last runs of the pipeline had no such step; or, with `axes`, these values of the matrix (or their combination)
   * are new to them.
   */
  | { readonly code: 'new'; readonly axes?: Axes }
  /** The nearest result of the step's earlier runs differs in these fields of the fingerprint. */
  | { readonly code: 'changed'; readonly fields: readonly FieldChange[] }
  /** `--refresh` asked for it. */
  | { readonly code: 'refresh' }
  /** There is a result, of what the store kept when it was computed; it keeps more by now. */
  | { readonly code: 'outdated' }
  /** There was a result, but bytes of these outputs, or (where none is named) the record itself, are lost. */
  | { readonly code: 'damaged'; readonly outputs: readonly string[]; readonly problem?: string }
  /** Not known before these tasks have run. */
  | { readonly code: 'upstream'; readonly tasks: readonly TaskId[] }
  /** Not known before the run has asked another machine what this reference stands for. */
  | { readonly code: 'data'; readonly ref: string; readonly message: string };

export type FieldChange = {
  /** Dotted path inside the fingerprint: `config.top_p`, `revision`, `config.prompts`. */
  readonly field: string;
  /** Absent where the earlier fingerprint has no such field. */
  readonly was?: JsonValue;
  /** Absent where this fingerprint has no such field. */
  readonly now?: JsonValue;
  /** Of an input: the file, reference or output that its content came from; where that is known. */
  readonly wasFrom?: string;
  readonly nowFrom?: string;
};
