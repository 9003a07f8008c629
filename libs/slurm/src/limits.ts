import { runProgram } from './commands.ts';

/** Slurm's own limit on an array where it has not been asked, or gave no answer: its default. */
const DEFAULT_ARRAY = 1001;

/** The most jobs in one array: by the controller's configuration and by the profile. */
export function createArrayLimit(ofProfile: number | undefined): () => Promise<number> {
  let ofSlurm: number | undefined;
  return async () => {
    if (ofSlurm === undefined) {
      const said = await runProgram('scontrol', ['show', 'config']);
      const found = /^MaxArraySize\s*=\s*(\d+)/m.exec(said.stdout)?.[1];
      if (said.status === 0 && found !== undefined) ofSlurm = Math.max(1, Number(found));
    }
    return Math.min(ofSlurm ?? DEFAULT_ARRAY, ofProfile ?? Number.POSITIVE_INFINITY);
  };
}
