import { existsSync } from 'node:fs';
import path from 'node:path';
import { UserError } from '@sonde/base';

export const PROFILE_NAME = 'slurm.yaml';

/**
 * Where the profile is: the file named, else `slurm.yaml` beside the pipeline, else that of the user's settings folder.
 * Undefined where there is none.
 *
 * @throws UserError where the file named is not there
 */
export function findProfile(places: {
  readonly named: string | undefined;
  readonly besidePipeline: string;
  readonly settingsFolder: string;
}): string | undefined {
  const { named, besidePipeline, settingsFolder } = places;
  if (named !== undefined) {
    const file = path.resolve(named);
    if (existsSync(file)) return file;
    throw new UserError('usage', `--profile: there is no file ${file}`);
  }
  return [besidePipeline, settingsFolder].map((folder) => path.resolve(folder, PROFILE_NAME)).find(existsSync);
}
