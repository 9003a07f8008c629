export type { Digest, Json, Key, ResultRecord, StoredArtifact } from './types.ts';
