import type { FolderReaders } from './folders.ts';
import { createHubSource } from './hub-source.ts';
import { openLockFile } from './lock-file.ts';
import type { RemoteSource } from './remote.ts';

/** Where data from outside the graph comes from. */
export interface DataSources {
  readonly folders: FolderReaders;
  /** For `hf:` references. */
  readonly remote?: RemoteSource;
  /** Refuse network access: what is not here yet cannot be read. */
  readonly offline?: boolean;
}

/** What `createDataSources` needs to know of a pipeline and of the person's wishes. */
export interface DataSourceOptions {
  readonly folders: FolderReaders;
  /** The path of `sonde.lock`; without it, revisions are resolved anew each time. */
  readonly lock?: string;
  /** Refuse to resolve revisions that the lock does not have. */
  readonly frozen?: boolean;
  /** Use what is here alone. For the hub, HF_HUB_OFFLINE says the same. */
  readonly offline?: boolean;
}

/** Data from outside the graph, the hub's included. */
export function createDataSources({ lock, ...options }: DataSourceOptions): DataSources {
  const { folders, offline } = options;
  return {
    folders,
    remote: createHubSource({ ...options, ...(lock !== undefined && { lock: openLockFile(lock) }) }),
    ...(offline === undefined ? {} : { offline }),
  };
}
