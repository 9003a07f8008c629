/**
 * What failed, in one word: closed, stable, and what programs read (`failure.code` of a run's events). The order is that
 * of whose it is: what a person gave, what a step made of it, the store's machine, the work itself.
 */
export const FAULTS = {
  usage: 'An option, argument or name on the command line is not valid.',
  argument: 'A function of a library was asked for what its input cannot carry.',
  data: 'Data from outside the pipeline is not there, not reachable, changed, or not what the step takes.',
  lock: '`sonde.lock` cannot be read, written or followed.',
  hub: 'The hub does not have what was asked for, refuses it, or gives no answer.',
  table: 'A table file is damaged, of an unknown form, or has values or columns that do not fit.',
  tensors: 'A tensor file is damaged, hostile or of an unknown form.',
  model: 'A checkpoint, adapter, tokenizer, prompt or decoding option cannot be used.',
  scorer: 'A scorer cannot be opened, or broke its contract.',
  input: 'An artifact lacks what the step needs: a column, a tensor, a layer, rows.',
  ids: 'Ids are missing, given twice, or match nothing.',
  config: 'The settings ask for what these inputs do not allow.',
  program: 'A program that a step ran failed, or did not write what it promised.',
  step: 'A step kind of a module failed as it foresaw.',
  'no-space': 'There is no space on the disk.',
  permission: 'The system does not permit it.',
  'too-many-files': 'Too many files are open.',
  corrupt: 'The store holds something that is not what its name says.',
  version: 'The store is of another version, or the folder is no store.',
  io: 'The disk or file system failed.',
  cluster: 'The cluster refuses a job, its nodes do not see what they must, or its workers cannot start.',
  crash: 'The worker process ended before its task.',
  'out-of-memory': 'The worker process was ended for want of memory.',
  timeout: 'The task took longer than its `timeout`.',
  stalled: 'The worker gave no sign of life for too long.',
  'input-changed': 'A file from outside the pipeline changed while a task read it.',
  output: 'The step did not write its outputs, or wrote something that cannot be kept.',
  internal: 'A defect of Sonde or of a module.',
} as const satisfies Readonly<Record<string, string>>;

export type Fault = keyof typeof FAULTS;

/** Whether the machine that holds the store is at fault: no other task would fare better. */
export function isMachineFault(code: Fault): boolean {
  return (
    code === 'no-space' ||
    code === 'permission' ||
    code === 'too-many-files' ||
    code === 'corrupt' ||
    code === 'version' ||
    code === 'io'
  );
}

/**
 * A failure that a person can do something about. The message says in one sentence what was found, where, and what was
 * expected; `hint` what to do next. Shown as it is, without a stack trace.
 */
export class UserError extends Error {
  override readonly name: string = 'UserError';
  readonly code: Fault;
  readonly hint: string | undefined;
  constructor(code: Fault, message: string, hint?: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.hint = hint;
  }
}
