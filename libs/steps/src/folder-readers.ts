import { UserError } from '@sonde/base';
import type { FolderReaders } from '@sonde/data';

/** Which files of a folder count where it is taken for a model, an adapter or a scorer. */
export const FOLDER_READERS: FolderReaders = {
  model: {
    here: async (folder) => (await import('@sonde/checkpoints')).listModelFiles(folder),
    elsewhere: async (folder) => (await import('@sonde/checkpoints')).chooseModelFiles(folder),
  },
  adapter: {
    here: async (folder) => (await import('@sonde/checkpoints')).listAdapterFiles(folder),
    elsewhere: async (folder) => (await import('@sonde/checkpoints')).chooseAdapterFiles(folder),
  },
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
