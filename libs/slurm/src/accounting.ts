import { UserError } from '@sonde/base';
import { runProgram, type Said } from './commands.ts';
import { meaningOf, type Sighting } from './job-states.ts';
import { exitCodeOf, named } from './queue.ts';

const MOST_IDS = 500;
const FIELDS = ['JobID', 'State', 'ExitCode', 'Restarts', 'NodeList', 'JobName'];
/** The accounting of a Slurm before 23.02 does not count restarts. */
const OLD_FIELDS = FIELDS.filter((field) => field !== 'Restarts');

export interface Accounting {
  /** What the accounting knows of these jobs. It is asked for nothing else, and empty where it gives no answer. */
  lookUp(ids: readonly string[]): Promise<ReadonlyMap<string, Sighting>>;
}

export function openAccounting(prefix: string): Accounting {
  let fields = FIELDS;
  return {
    async lookUp(ids) {
      const found = new Map<string, Sighting>();
      for (let at = 0; at < ids.length; at += MOST_IDS) {
        const args = (): readonly string[] => [
          '--jobs',
          ids.slice(at, at + MOST_IDS).join(','),
          '--allocations',
          '--noheader',
          '--parsable2',
          '--delimiter=|',
          `--format=${fields.join(',')}`,
        ];
        let said = await askSacct(args());
        if (said.status !== 0 && /invalid field/i.test(said.stderr) && fields === FIELDS) {
          fields = OLD_FIELDS;
          said = await askSacct(args());
        }
        if (said.status !== 0) return found;
        for (const line of said.stdout.split('\n')) {
          const parts = line.split('|');
          if (parts.length < fields.length) continue;
          const value = (field: string): string => parts[fields.indexOf(field)] ?? '';
          const job = parts.slice(fields.length - 1).join('|');
          const id = value('JobID');
          if (!job.startsWith(prefix)) continue;
          found.set(id, {
            id,
            job,
            meaning: meaningOf(value('State')),
            word: value('State'),
            reason: '',
            node: named(value('NodeList')),
            exitCode: exitCodeOf(value('ExitCode')),
            restarts: Number(value('Restarts')) || 0,
          });
        }
      }
      return found;
    },
  };
}

/** Not every cluster has an accounting: where its program is missing too, that is no answer. */
function askSacct(args: readonly string[]): Promise<Said> {
  return runProgram('sacct', args).catch((error: unknown) => {
    if (error instanceof UserError) return { status: undefined, stdout: '', stderr: error.message };
    throw error;
  });
}
