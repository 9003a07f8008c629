import { noAnswer, runProgram, wordsOf } from './commands.ts';
import { meaningOf, type Sighting } from './job-states.ts';

/** The user's jobs as the queue shows them, those that ended lately among them. */
export type Look =
  | {
      readonly ok: true;
      /** Jobs by id; other people's programs' jobs are only counted. */
      readonly jobs: ReadonlyMap<string, Sighting>;
      /** The user's jobs that are queued or running, of whatever name. */
      readonly alive: number;
    }
  | { readonly ok: false; readonly words: string };

// The name comes last: it alone may hold the separator.
const FIELDS = [
  'ArrayJobID:24',
  'ArrayTaskID:24',
  'State:32',
  'RestartCnt:12',
  'exit_code:16',
  'NodeList:256',
  'Reason:128',
  'Name:256',
];

/** One call of squeue for all jobs of the user whose name begins with `prefix`. */
export async function lookAtQueue(prefix: string): Promise<Look> {
  const format = FIELDS.map((field) => `${field}|`).join(',');
  const said = await runProgram('squeue', ['--me', '--array', '--states=all', '--noheader', `--Format=${format}`]);
  if (said.status !== 0) return { ok: false, words: wordsOf(said) };
  if (noAnswer(said)) return { ok: false, words: wordsOf(said) };
  const jobs = new Map<string, Sighting>();
  let alive = 0;
  for (const line of said.stdout.split('\n')) {
    if (line.trim() === '') continue;
    const parts = line.split('|').map((part) => part.trim());
    const [array, index, word, restarts, exit, node, reason] = parts;
    if (parts.length < FIELDS.length) return { ok: false, words: `squeue gave a line of another form: ${line.trim()}` };
    const job = parts.slice(FIELDS.length - 1, -1).join('|');
    const meaning = meaningOf(word!);
    if (meaning === undefined || meaning === 'queued' || meaning === 'running') alive++;
    if (!job.startsWith(prefix)) continue;
    const id = /^\d+$/.test(index!) ? `${array}_${index}` : array!;
    jobs.set(id, {
      id,
      job,
      meaning,
      word: word!,
      reason: reason!,
      node: named(node!),
      exitCode: exitCodeOf(exit!),
      restarts: Number(restarts) || 0,
    });
  }
  return { ok: true, jobs, alive };
}

export function named(node: string): string | undefined {
  return node === '' || node === '(null)' || node === 'n/a' || node === 'None assigned' ? undefined : node;
}

/** squeue gives the status as wait(2) has it (`18176`), sacct as `71:0`. */
export function exitCodeOf(text: string): number | undefined {
  const pair = /^(\d+):(\d+)$/.exec(text);
  if (pair !== null) return Number(pair[1]);
  return /^\d+$/.test(text) ? (Number(text) >> 8) & 0xff : undefined;
}
