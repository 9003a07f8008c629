import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '@sonde/base';
import type { FolderReader, FolderReaders } from '@sonde/data';

type Checkpoints = typeof import('@sonde/checkpoints');
type Folder = Parameters<Checkpoints['listModelFiles']>[0];

/** A model's folder and an adapter's are the same to the library that reads them, here or elsewhere. */
function checkpointReader(
  list: (checkpoints: Checkpoints, folder: Folder) => readonly string[] | Promise<readonly string[]>,
): FolderReader {
  return {
    async here(path) {
      const checkpoints = await import('@sonde/checkpoints');
      return list(checkpoints, await checkpoints.localFolder(path));
    },
    async elsewhere(listing) {
      const checkpoints = await import('@sonde/checkpoints');
      return list(checkpoints, checkpoints.remoteFolder(listing));
    },
  };
}

/** Which files of a folder count where it is taken for a model, an adapter or a scorer. */
export const FOLDER_READERS: FolderReaders = {
  model: checkpointReader(({ listModelFiles }, folder) => listModelFiles(folder)),
  adapter: checkpointReader(({ listAdapterFiles }, folder) => listAdapterFiles(folder)),
  scorer: {
    async here(path) {
      const { isClassifierFolder, listScorerFiles } = await import('@sonde/scoring');
      const there = await stat(join(path, 'config.json')).catch(() => null);
      if (there === null || !(await isClassifierFolder(path))) return listScorerFiles('');
      return FOLDER_READERS.model.here(path);
    },
    async elsewhere(listing) {
      const files = (await import('@sonde/scoring')).listScorerFiles('');
      const missing = files.find((name) => !listing.names.includes(name));
      if (missing === undefined) return files;
      if (listing.names.includes('tokenizer.json')) return FOLDER_READERS.model.elsewhere(listing);
      throw new UserError(
        'scorer',
        `${listing.label} is not a scorer: it has no ${missing}, nor the tokenizer.json of a classifier.`,
      );
    },
  },
};
