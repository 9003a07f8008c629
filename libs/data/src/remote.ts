import type { ArtifactType } from '@sonde/pipeline';
import type { DataName } from './data-name.ts';

/** Data of another machine at one fixed state of it: what it is, and its bytes as soon as they are wanted. */
export interface RemoteData {
  readonly type: ArtifactType;
  /** The reference with the commit that it stands for: for a result's notes. */
  readonly identity: string;
  /** The file or folder, once `fetch` has succeeded. */
  readonly path: string;
  /** Relative path → content; the path is empty where the data is one file. Absent: what lies at `path` tells. */
  readonly files?: Readonly<Record<string, { readonly digest: string; readonly size: number }>>;
  /** Bytes that are not here. */
  missing(): Promise<number>;
  /** Brings what is missing to `path`; does nothing where nothing is. */
  fetch(hooks: FetchHooks): Promise<void>;
}

export interface FetchHooks {
  readonly signal: AbortSignal;
  /** Bytes here, of all. Not called where nothing was missing. */
  progress(done: number, total: number): void;
  /** A request is made again after so many seconds. */
  retry(message: string, seconds: number): void;
}

export interface ResolveHooks extends Pick<FetchHooks, 'signal'> {
  /** A revision that can move stands for this commit; `from`: who says so. */
  resolved(ref: string, commit: string, from: 'hub' | 'lock' | 'cache'): void;
  retry(ref: string, message: string, seconds: number): void;
}

/** Data that another machine has. */
export interface RemoteSource {
  /**
   * What a reference stands for, without its bytes. `ask`: the network may be used. @throws UserError; DataUnknown where
   * only another machine knows and it may not be asked
   */
  describe(ref: DataName, ask?: ResolveHooks): Promise<RemoteData>;
}
