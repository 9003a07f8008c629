export { openCluster } from './cluster.ts';
export { requirePrograms } from './commands.ts';
export { findProfile, PROFILE_NAME } from './find-profile.ts';
export { type Capacities, type Capacity, capacitiesFor } from './nodes.ts';
export { ranOutOfMemory } from './out-of-memory.ts';
export { type JobTime, jobTimeIn, timeOfOwnJob } from './own-job.ts';
export {
  type JobRequest,
  PROFILE_SCHEMA,
  type Profile,
  type ProfileResult,
  plainProfile,
  readProfile,
  readProfileText,
} from './profile.ts';
export type { Cluster, ClusterOptions, End, Ensured, Shape, Wanted, Worker, WorkerId, WorkerState } from './types.ts';
