export { cachedCommit, cachedListing, isHere, snapshotFolder } from './cache.ts';
export { HubError, type HubProblem } from './errors.ts';
export { type HubFile, type HubRevision, listRevisions } from './protocol.ts';
export { type HubReference, type HubRepo, isCommit, parseReference, repoName } from './reference.ts';
export type { RequestHooks } from './request.ts';
export { type HubSettings, hubSettings } from './settings.ts';
export { type FetchHooks, fetchFiles, listFiles, resolveCommit } from './snapshot.ts';
