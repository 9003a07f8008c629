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
    here: async () => (await import('@sonde/scoring')).listScorerFiles(''),
    async elsewhere({ label, names }) {
      const files = (await import('@sonde/scoring')).listScorerFiles('');
      const missing = files.find((name) => !names.includes(name));
      if (missing !== undefined) throw new UserError('scorer', `${label} is not a scorer: it has no ${missing}.`);
      return files;
    },
  },
};
