import type { Consent, Planned, RunConfig, StepKindSpec, TaskId, TaskNode } from '@sonde/pipeline';
import { type Accelerator, providerOf } from '../provider.ts';
import { type RefusedProblem, refuse } from '../refused.ts';
import { type DecideContext, type Decision, kindOf } from './decide.ts';

/** What a task may do only with the reader's consent. */
function consentTo(kind: StepKindSpec, task: TaskNode): Consent | undefined {
  return kind.runsCode === true ? { program: true } : kind.consentTo?.(task.with as Planned<RunConfig>);
}

/** Whether a task runs a program that the pipeline file names. */
export function runsCode(kind: StepKindSpec, task: TaskNode): boolean {
  const asked = consentTo(kind, task);
  return asked !== undefined && 'program' in asked;
}

/** One problem a step, however many tasks it has. */
export function notAllowed(tasks: readonly TaskNode[], context: DecideContext, allowCode: boolean): RefusedProblem[] {
  const problems = new Map<string, RefusedProblem>();
  for (const task of tasks) {
    const place = { step: task.step, task: task.id, range: task.range };
    const asked = consentTo(kindOf(task, context.kinds), task);
    if (asked !== undefined && !allowCode) {
      problems.set(`code ${task.step}`, { code: 'code', ...askedWords(asked, task), ...place });
    }
    const lacks = lacksDevices(task, context);
    if (lacks !== undefined) problems.set(`device ${task.step}`, { code: 'device', ...lacks, ...place });
  }
  return [...problems.values()];
}

function lacksDevices(
  task: TaskNode,
  { kinds, accelerators }: DecideContext,
): Pick<RefusedProblem, 'message' | 'hint'> | undefined {
  const { device, gpus = 1 } = task.resources;
  const given = accelerators.length;
  if (device === 'gpu' && given === 0) {
    return {
      message: `Step \`${task.step}\` asks for ${gpus === 1 ? 'a GPU' : `${gpus} GPUs`}, but the run was given none.`,
      hint: 'Name one with --device (cuda, cuda:0,1 or webgpu), or write `device: any` in its resources.',
    };
  }
  if (gpus > given && providerOf(task, kindOf(task, kinds), accelerators) !== 'cpu') {
    return {
      message: `Step \`${task.step}\` asks for ${gpus} GPUs at once, but the run was given ${given}.`,
      hint: `Name ${gpus} with --device (cuda:0,1,…), or ask for fewer in its resources.`,
    };
  }
  return undefined;
}

/**
 * Refuses a run whose accelerators do not work, if anything is left for them to compute.
 *
 * @param tryAccelerator says what is wrong with one, or null; absent: they are taken to work
 */
export async function refuseUnusable(
  tasks: readonly TaskNode[],
  context: DecideContext,
  decisions: ReadonlyMap<TaskId, Decision>,
  tryAccelerator: ((accelerator: Accelerator) => Promise<string | null>) | undefined,
): Promise<void> {
  const needed = tasks.some(
    (task) =>
      decisions.get(task.id)?.state !== 'cached' &&
      providerOf(task, kindOf(task, context.kinds), context.accelerators) !== 'cpu',
  );
  if (!needed || tryAccelerator === undefined) return;
  const problems = await Promise.all(context.accelerators.map(tryAccelerator));
  refuse(
    [...new Set(problems)].flatMap((message) =>
      message === null ? [] : [{ code: 'device', message, hint: 'sonde doctor says what this machine has.' } as const],
    ),
  );
}

function askedWords(asked: Consent, { step, kind }: TaskNode) {
  if ('program' in asked) {
    return {
      message: `Step \`${step}\` (${kind}) runs a program that the pipeline names.`,
      hint: 'Read it, and if you trust it, run again with --allow-code.',
    };
  }
  return {
    message: `Step \`${step}\` (${kind}) sends its texts to ${asked.address}, which the pipeline names.`,
    hint: 'If they may go there, run again with --allow-code.',
  };
}
