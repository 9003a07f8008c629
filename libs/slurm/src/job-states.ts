import type { End } from './types.ts';

/** What Slurm's word for a job's state means here. */
type Meaning = 'queued' | 'running' | End;

const MEANINGS: Readonly<Record<string, Meaning>> = {
  PENDING: 'queued',
  CONFIGURING: 'queued',
  REQUEUED: 'queued',
  REQUEUE_FED: 'queued',
  REQUEUE_HOLD: 'queued',
  RESV_DEL_HOLD: 'queued',
  SPECIAL_EXIT: 'queued',
  RUNNING: 'running',
  SUSPENDED: 'running',
  STOPPED: 'running',
  RESIZING: 'running',
  SIGNALING: 'running',
  COMPLETING: 'running',
  STAGE_OUT: 'running',
  COMPLETED: 'completed',
  FAILED: 'failed',
  TIMEOUT: 'timeout',
  PREEMPTED: 'preempted',
  NODE_FAIL: 'node-fail',
  OUT_OF_MEMORY: 'out-of-memory',
  CANCELLED: 'cancelled',
  REVOKED: 'cancelled',
  BOOT_FAIL: 'boot-fail',
  LAUNCH_FAILED: 'boot-fail',
  DEADLINE: 'deadline',
};

/** Undefined for a word of a Slurm that is newer than this list: then the state is not known. */
export function meaningOf(word: string): Meaning | undefined {
  // `CANCELLED by 1000`, `CANCELLED+`.
  return MEANINGS[/^[A-Z_]+/.exec(word)?.[0] ?? ''];
}

const WORDS: Readonly<Record<End, string>> = {
  completed: 'it ended as it should',
  failed: 'its program failed',
  timeout: 'it reached its time limit',
  preempted: 'Slurm took its node for another job',
  'node-fail': 'its node failed',
  'out-of-memory': 'it used more memory than it had asked for',
  cancelled: 'it was cancelled',
  'boot-fail': 'its node could not be started',
  deadline: 'it reached its deadline',
};

/** `the job 12_3 on n1: its program failed (exit status 71)`. */
export function describeEnd({ id, node, exitCode, reason }: Sighting, end: End): string {
  const where = node === undefined ? '' : ` on ${node}`;
  const why = [
    ...(end === 'failed' && exitCode !== undefined && exitCode !== 0 ? [`exit status ${exitCode}`] : []),
    ...(end === 'failed' && !PLAIN_REASONS.includes(reason) ? [reason] : []),
  ].join(', ');
  return `the job ${id}${where}: ${WORDS[end]}${why === '' ? '' : ` (${why})`}`;
}

/** Reasons that say no more than the state. */
const PLAIN_REASONS = ['', 'None', 'NonZeroExitCode'];

/** What Slurm says of one job at one moment. */
export interface Sighting {
  readonly id: string;
  readonly job: string;
  readonly meaning: Meaning | undefined;
  /** Slurm's word. */
  readonly word: string;
  readonly reason: string;
  readonly node: string | undefined;
  readonly exitCode: number | undefined;
  readonly restarts: number;
}

/** How Slurm says that it ended; undefined where it has not, or says what is not known here. */
export function endOf({ meaning }: Sighting): End | undefined {
  return meaning === 'queued' || meaning === 'running' ? undefined : meaning;
}
