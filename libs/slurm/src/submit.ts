import { UserError } from '@sonde/base';
import { noAnswer, runProgram, wordsOf } from './commands.ts';

export type Submitted =
  | { readonly type: 'job'; readonly id: string }
  /** The controller gave no answer: it may have taken the job, or not. */
  | { readonly type: 'unsure'; readonly words: string }
  /** A limit on jobs is reached; when some have ended there is room again. */
  | { readonly type: 'later'; readonly words: string };

const LIMIT =
  /submit limit|submitjobs?limit|maxsubmit|QOSMax|AssocMax|AssocGrp|QOSGrp|resource temporarily unavailable|temporarily unable|job count|too many jobs|try again/i;

/**
 * Gives a script to sbatch.
 *
 * @throws UserError with Slurm's own words, where it refuses for good
 */
export async function submit(options: readonly string[], script: string): Promise<Submitted> {
  const said = await runProgram('sbatch', options, script);
  // `1234`, or `1234;cluster` where there are several.
  const id = /^(\d+)(;|$)/m.exec(said.stdout.trim())?.[1];
  if (said.status === 0 && id !== undefined) return { type: 'job', id };
  const words = wordsOf(said);
  if (said.status !== 0 && LIMIT.test(said.stderr)) return { type: 'later', words };
  if (said.status === 0 || noAnswer(said)) return { type: 'unsure', words };
  throw new UserError(
    'cluster',
    `sbatch refuses the job: ${words}`,
    `It was asked with ${options.filter((option) => ASKED.test(option)).join(' ')}. The profile (slurm.yaml, or what --profile names) says what is asked for; \`sinfo\` and \`sacctmgr show assoc user=$USER\` what there is.`,
  );
}

const ASKED = /^--(partition|account|qos|constraint|reservation|gres|gpus|cpus|mem|time|array)/;
