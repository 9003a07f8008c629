export { presenceOf } from './artifacts/artifacts.ts';
export type { Artifacts, StoredArtifact } from './artifacts/types.ts';
export { isObtainable, worstOf } from './blobs/presence.ts';
export type { Blobs, Incoming, LocalBlobs, Presence } from './blobs/types.ts';
export type {
  Care,
  GcOptions,
  GcReport,
  MemoStatus,
  Pin,
  Problem,
  StoreStatus,
  VerifyOptions,
  VerifyProgress,
  VerifyReport,
} from './care/types.ts';
export type { Copies, Copy, CopySource, LendOptions } from './copies/types.ts';
export { type BlobInfo, type Digest, digestOf, type Key } from './disk/digest.ts';
export { asStoreError, BlobDamaged, StoreError, type StoreErrorCode } from './disk/errors.ts';
export { canonicalJson, keyOf } from './disk/json.ts';
export { repairMarker } from './disk/marker.ts';
export { hasRoom } from './disk/room.ts';
export type { AcquireOptions, Lease, Leases } from './leases/types.ts';
export type { ContentHex, MakeValues, Memo, Memos, WorkOptions } from './memos/types.ts';
export { digestsOf, recordInText, textOfRecord } from './results/record.ts';
export type { FoundResult, LocalResults, ResultRecord, Results } from './results/types.ts';
export type { RunDetail, RunFinish, RunLog, RunMeta, RunSummary, Runs } from './runs/types.ts';
export type { OrderName, Spool } from './spool/types.ts';
export { openStore } from './store.ts';
export type { OpenOptions, Store } from './types.ts';
