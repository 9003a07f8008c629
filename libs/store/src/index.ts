export { digestFile, digestOf, isDigest } from './digest.ts';
export { asStoreError, BlobDamaged, StoreError, type StoreErrorCode } from './errors.ts';
export { canonicalJson, keyOf } from './json.ts';
export { openStore } from './store.ts';
export { type TreeFiles, treeDigest } from './trees.ts';
export type {
  AcquireOptions,
  BlobInfo,
  Digest,
  GcOptions,
  GcReport,
  Json,
  Key,
  Lease,
  OpenOptions,
  Pin,
  Problem,
  ResultRecord,
  RunDetail,
  RunFinish,
  RunLog,
  RunMeta,
  RunSummary,
  Runs,
  Store,
  StoredArtifact,
  StoreStatus,
  VerifyProgress,
  VerifyReport,
} from './types.ts';
