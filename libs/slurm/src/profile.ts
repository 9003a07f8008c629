import {
  boolean,
  type ConfigOf,
  type ConfigProblem,
  type Diagnostic,
  integer,
  list,
  object,
  optional,
  parseDuration,
  parseMemory,
  parseSpan,
  readSettings,
  readSettingsText,
  type SettingsForm,
  text,
  words,
} from '@sonde/pipeline';

const line = { minLength: 1, maxLength: 4096, pattern: '^[^\\n\\r\\u0000]+$' } as const;

/** What a job is asked for with: for all jobs, and under `gpu:` and `cpu:` for those alone, which wins. */
const request = {
  partition: optional(text({ ...line, description: 'The partition, or several with commas: --partition.' })),
  account: optional(text({ ...line, description: 'The account that is charged: --account.' })),
  qos: optional(text({ ...line, description: 'The quality of service: --qos.' })),
  constraint: optional(text({ ...line, description: 'Features that the node must have: --constraint.' })),
  reservation: optional(text({ ...line, description: 'A reservation to run in: --reservation.' })),
  cpus: optional(integer({ minimum: 1, maximum: 4096, description: 'CPUs of a job whose step states none.' })),
  memory: optional(text({ description: 'Memory of a job whose step states none, for example 64GiB.' })),
  time: optional(text({ description: 'How long a worker may live, for example 4h; more where a step states more.' })),
  sbatch: optional(
    list(text({ ...line, pattern: '^--?[A-Za-z][^\\n\\r\\u0000]*$' }), {
      description: 'More options of sbatch, one a line: --mail-type=FAIL.',
    }),
  ),
  before: optional(text({ maxLength: 65_536, description: 'Shell commands before the worker starts: module load …' })),
};

export const PROFILE_SCHEMA = object({
  ...request,
  gpu: object(
    {
      ...request,
      request: text({
        ...line,
        default: '--gres=gpu:{n}',
        pattern: '^--?[A-Za-z][^\\n\\r\\u0000]*\\{n\\}',
        description: 'The option of sbatch that asks for {n} GPUs: --gres=gpu:{n}, --gpus-per-node=a100:{n}.',
      }),
    },
    { default: {}, description: 'For jobs with GPUs, over what stands above.' },
  ),
  cpu: object({ ...request }, { default: {}, description: 'For jobs without a GPU, over what stands above.' }),
  small_tasks: words(['here', 'cluster'], {
    default: 'here',
    description: 'Where small tasks without a GPU run: beside the command, one at a time, or on the cluster.',
  }),
  workers: object(
    {
      most: integer({ minimum: 1, maximum: 100_000, default: 16, description: 'Workers at once, of all shapes.' }),
      idle: text({ default: '60s', description: 'A worker with nothing to do ends after so long.' }),
    },
    { default: {}, description: 'The jobs that do the work: each does many tasks.' },
  ),
  scratch: optional(
    object(
      {
        folder: text({
          ...line,
          description: "A folder on a node's own disk; may name variables of the job: /local/$USER, $TMPDIR.",
        }),
        size: text({ default: '200GiB', description: 'All copies of a node together take no more.' }),
        keep: text({
          default: '1d',
          description: 'A worker that ends removes the copies that nobody has read for so long; 0s: at once.',
        }),
      },
      { description: 'Checkpoints are copied there once a node and shared by its jobs.' },
    ),
  ),
  limits: object(
    {
      jobs: optional(
        integer({
          minimum: 1,
          maximum: 10_000_000,
          description: 'Jobs that you may have queued and running, others of yours among them.',
        }),
      ),
      array: optional(
        integer({ minimum: 1, maximum: 4_000_000, description: "Jobs in one array, if fewer than Slurm's own limit." }),
      ),
    },
    { default: {}, description: 'What the cluster allows.' },
  ),
  requeue: boolean({
    default: true,
    description: 'Whether Slurm starts a worker again after preemption or a failed node.',
  }),
  exclude: optional(list(text({ ...line, pattern: '^[^\\s,]+$' }), { description: 'Nodes to avoid: --exclude.' })),
  probe: boolean({
    default: true,
    description: 'Whether a small job looks first if compute nodes see the store and the program.',
  }),
});

type Written = ConfigOf<typeof PROFILE_SCHEMA>;
type WrittenRequest = Omit<Written['cpu'], never>;

/** What jobs with or without GPUs are asked for with. */
export interface JobRequest {
  readonly partition?: string;
  readonly account?: string;
  readonly qos?: string;
  readonly constraint?: string;
  readonly reservation?: string;
  readonly cpus: number;
  /** Undefined: as the cluster gives it. */
  readonly memoryBytes?: number;
  /** Undefined: as the partition gives it. */
  readonly seconds?: number;
  readonly sbatch: readonly string[];
  readonly before: string;
}

/** `slurm.yaml`, read: how jobs are asked for on one cluster. Nothing of it is in a fingerprint. */
export interface Profile {
  readonly gpu: JobRequest;
  readonly cpu: JobRequest;
  /** `--gres=gpu:{n}`. */
  readonly gpuRequest: string;
  readonly smallTasks: 'here' | 'cluster';
  readonly workers: { readonly most: number; readonly idleSeconds: number };
  /** Absent: checkpoints are read where they lie. */
  readonly scratch?: { readonly folder: string; readonly bytes: number; readonly keepSeconds: number };
  readonly limits: { readonly jobs?: number; readonly array?: number };
  readonly requeue: boolean;
  readonly exclude: readonly string[];
  readonly probe: boolean;
}

export type ProfileResult =
  | { readonly ok: true; readonly profile: Profile }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

const FORM: SettingsForm<Written> = { what: 'Slurm profile', schema: PROFILE_SCHEMA, check: unreadable };

/** Reads a profile; what is wrong with it comes with its place in the file. */
export async function readProfile(path: string): Promise<ProfileResult> {
  const read = await readSettings(path, FORM);
  return read.ok ? { ok: true, profile: profileOf(read.value) } : read;
}

/** As `readProfile`, for a text that would be at `path`. */
export function readProfileText(content: string, path: string): ProfileResult {
  const read = readSettingsText(content, path, FORM);
  return read.ok ? { ok: true, profile: profileOf(read.value) } : read;
}

/** The profile of a cluster on which nothing needs to be said. */
export function plainProfile(): Profile {
  const read = readProfileText('{}', 'slurm.yaml');
  if (!read.ok) throw new Error('an empty profile is valid');
  return read.profile;
}

function unreadable({ workers, scratch, gpu, cpu, ...all }: Written): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const hold = (path: readonly string[], value: string | undefined, parse: typeof parseMemory, like: string): void => {
    if (value !== undefined && parse(value) === undefined)
      problems.push({ path, message: `\`${path.join('.')}\` must be ${like}, found \`${value}\`` });
  };
  for (const [at, part] of [
    [[], all],
    [['gpu'], gpu],
    [['cpu'], cpu],
  ] as const) {
    hold([...at, 'memory'], part.memory, parseMemory, 'a size such as 64GiB');
    hold([...at, 'time'], part.time, parseDuration, 'a duration such as 30m or 4h');
  }
  hold(['workers', 'idle'], workers.idle, parseDuration, 'a duration such as 60s');
  hold(['scratch', 'size'], scratch?.size, parseMemory, 'a size such as 200GiB');
  hold(['scratch', 'keep'], scratch?.keep, parseSpan, 'a duration such as 12h');
  return problems;
}

function profileOf(written: Written): Profile {
  const { gpu, cpu, small_tasks, workers, scratch, limits, requeue, exclude, probe, ...all } = written;
  const { request: gpuRequest, ...gpuOnly } = gpu;
  return {
    gpu: requestOf(all, gpuOnly),
    cpu: requestOf(all, cpu),
    gpuRequest,
    smallTasks: small_tasks,
    workers: { most: workers.most, idleSeconds: parseDuration(workers.idle)! },
    ...(scratch !== undefined && {
      scratch: {
        folder: scratch.folder,
        bytes: parseMemory(scratch.size)!,
        keepSeconds: parseSpan(scratch.keep)!,
      },
    }),
    limits,
    requeue,
    exclude: exclude ?? [],
    probe,
  };
}

function requestOf(all: WrittenRequest, own: WrittenRequest): JobRequest {
  const { cpus = 1, memory, time, sbatch: _, before: __, ...named } = { ...all, ...own };
  return {
    ...named,
    cpus,
    ...(memory !== undefined && { memoryBytes: parseMemory(memory)! }),
    ...(time !== undefined && { seconds: parseDuration(time)! }),
    // Lines add up: what holds for all jobs holds for these too.
    sbatch: [...(all.sbatch ?? []), ...(own.sbatch ?? [])],
    before: [all.before, own.before].filter((commands) => commands !== undefined).join('\n'),
  };
}
