/** A text file that diagnostics can quote. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** A stretch of a source file: offsets in UTF-16 code units, `end` exclusive. */
export interface SourceRange {
  readonly file: SourceFile;
  readonly start: number;
  readonly end: number;
}
