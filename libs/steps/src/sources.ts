import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { resolveEmbedded } from '@sonde/embedded';
import type { DataSources } from '@sonde/executor';
import type { ArtifactType, DataRef } from '@sonde/pipeline';

/** The relative paths of a folder's files that count, for the types of data that are folders. */
const listFiles = async (type: ArtifactType, folder: string): Promise<readonly string[]> => {
  switch (type) {
    case 'model':
      return (await import('@sonde/models')).listModelFiles(folder);
    case 'adapter':
      return (await import('@sonde/models')).listAdapterFiles(folder);
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

/** Data from outside the graph, and what is wrong with it where something is. */
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
