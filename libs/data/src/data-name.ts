import type { ArtifactType, DataTarget } from '@sonde/pipeline';

/** What names data: a `DataRef` of a graph, or one that a person typed. */
export type DataName = DataTarget & {
  /** As written. */
  readonly ref: string;
  /** The types that the place takes. */
  readonly types: readonly ArtifactType[];
};
