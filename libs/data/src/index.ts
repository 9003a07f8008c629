export { dataProblem, dataProblems } from './check.ts';
export type { DataName } from './data-name.ts';
export { bringFolder } from './find.ts';
export { type FolderReader, type FolderReaders, isFolderType, type ListedFolder } from './folders.ts';
export { type LockFile, openLockFile } from './lock-file.ts';
export { DataUnknown, type OutsideData } from './outside-data.ts';
export type { FetchHooks, RemoteData, RemoteSource, ResolveHooks } from './remote.ts';
export { createDataResolver, type DataResolver } from './resolve.ts';
export { createDataSources, type DataSourceOptions, type DataSources } from './sources.ts';
