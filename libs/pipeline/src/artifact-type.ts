/** What an artifact or a data reference can be. `file` is any single file (a script, say). */
export const ARTIFACT_TYPES = ['table', 'tensors', 'json', 'model', 'adapter', 'scorer', 'html', 'file'] as const;
export type ArtifactType = (typeof ARTIFACT_TYPES)[number];

export interface OutputSpec {
  readonly type: ArtifactType;
  readonly description: string;
  /** Of a `file`: what its name ends with (`.txt`) where it is copied out of the store. */
  readonly extension?: string;
}
