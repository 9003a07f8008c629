import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { resolveEmbedded } from '@sonde/embedded';
import type { DataSources, RemoteSource } from '@sonde/executor';
import type { ArtifactType, DataRef } from '@sonde/pipeline';
import { createHubSource, type HubSourceOptions } from './hub-source.ts';
import { openLockFile } from './lock-file.ts';

/** The relative paths of a folder's files that count, for the types of data that are folders. */
const listFiles = async (type: ArtifactType, folder: string): Promise<readonly string[]> => {
  switch (type) {
    case 'model': {
      const { listModelFiles, localFolder } = await import('@sonde/checkpoints');
      return listModelFiles(await localFolder(folder));
    }
    case 'adapter': {
      const { listAdapterFiles, localFolder } = await import('@sonde/checkpoints');
      return listAdapterFiles(await localFolder(folder));
    }
    case 'scorer':
      return (await import('@sonde/scoring')).listScorerFiles(folder).map((file) => path.relative(folder, file));
    default: {
      const entries = await readdir(folder, { recursive: true, withFileTypes: true });
      return entries
        .filter((entry) => entry.isFile())
        .map((entry) => `${entry.parentPath}/${entry.name}`.slice(folder.length + 1))
        .sort();
    }
  }
};

/** What `createDataSources` needs to know of a pipeline and of the person's wishes. */
export interface DataSourceOptions extends Pick<HubSourceOptions, 'frozen' | 'offline'> {
  /** The path of `sonde.lock`; without it, revisions are resolved anew each time. */
  readonly lock?: string;
}

/** Data from outside the graph, the hub's included. */
export const createDataSources = ({ lock, ...options }: DataSourceOptions): DataSources & { remote: RemoteSource } => ({
  ...dataSources,
  remote: createHubSource({ ...options, listFiles, ...(lock !== undefined && { lock: openLockFile(lock) }) }),
});

/** Data from this machine, and what is wrong with it where something is. */
export const dataSources: DataSources & {
  problems(refs: readonly DataRef[]): Promise<{ readonly ref: DataRef; readonly message: string }[]>;
} = {
  listFiles,
  resolveEmbedded(name) {
    const found = resolveEmbedded(name);
    return { type: found.kind, path: found.path };
  },
  async problems(refs) {
    const found: { ref: DataRef; message: string }[] = [];
    const seen = new Set<string>();
    for (const ref of refs) {
      const target =
        ref.scheme === 'embedded' ? resolveEmbedded(ref.target).path : ref.scheme === 'path' ? ref.target : undefined;
      const [type] = ref.types;
      if (target === undefined || type === undefined || seen.has(`${type} ${target}`)) continue;
      seen.add(`${type} ${target}`);
      if (!existsSync(target) || !(await stat(target)).isDirectory()) continue;
      await listFiles(type, target).catch((error: Error) => found.push({ ref, message: error.message }));
    }
    return found;
  },
};
