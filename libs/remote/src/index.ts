export { fetchContent } from './fetch.ts';
export { folderRemote } from './folder-remote.ts';
export { httpRemote } from './http-remote.ts';
export type { Server } from './http-request.ts';
export { openRemote, type RemoteSetting } from './open-remote.ts';
export { type Remote, RemoteFailure } from './remote.ts';
export { type RemoteEvent, type SharedStore, type ShareOptions, shareStore } from './share.ts';
export { type CopyProblem, giveResult, problemsOfCopy } from './transfer.ts';
