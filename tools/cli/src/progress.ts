import type { RunEvent } from '@sonde/executor';

/** Where a running step stands, over all of its tasks. */
export interface StepView {
  readonly step: string;
  readonly device: string;
  /** Tasks that are over, cached ones included, and all of its tasks. */
  readonly ended: number;
  readonly tasks: number;
  /** Units of work done and to do, over all tasks that are not cached; 0 of 0 where the step does not say. */
  readonly done: number;
  readonly total: number;
  readonly unit: string;
  /** From 0 to 1. */
  readonly share: number;
  /** Units a second while the step was running. */
  readonly rate: number | undefined;
  readonly seconds: number;
  readonly secondsLeft: number | undefined;
  /** None of its tasks is heard working: they wait for a worker, or for another run. */
  readonly waiting: boolean;
}

interface Task {
  done: number;
  total: number;
  /** Done before this run began it: shards of earlier runs. */
  base: number;
  state: 'known' | 'held' | 'running' | 'over';
  heard: number;
  /** The longest silence between two reports, in milliseconds. */
  gap: number;
}

interface Step {
  readonly step: string;
  readonly tasks: Map<string, Task>;
  device: string;
  unit: string;
  /** Tasks that are over without work: cached, skipped. */
  idle: number;
  /** Milliseconds with a task at work, up to `since` if that is set. */
  active: number;
  since: number | undefined;
}

/** A task that is silent for so long, and longer than its rhythm so far explains, is not at work. */
const SILENCE = 2000;

/** Follows the events of a run. `tasksOfStep`: how many tasks each step has; `now` in milliseconds. */
export function createProgress(tasksOfStep: ReadonlyMap<string, number>, now: () => number = Date.now) {
  const steps = new Map<string, Step>();
  let [tasks, ended] = [0, 0];
  const began = now();

  const stepOf = (step: string): Step => {
    const known = steps.get(step);
    if (known !== undefined) return known;
    const made: Step = { step, tasks: new Map(), device: '', unit: '', idle: 0, active: 0, since: undefined };
    steps.set(step, made);
    return made;
  };
  const taskOf = (step: Step, id: string): Task => {
    const known = step.tasks.get(id);
    if (known !== undefined) return known;
    const made: Task = { done: 0, total: 0, base: 0, state: 'known', heard: now(), gap: 0 };
    step.tasks.set(id, made);
    return made;
  };
  const has = (step: Step, state: Task['state']): boolean =>
    [...step.tasks.values()].some((task) => task.state === state);
  /** Starts or stops the step's clock. */
  const settle = (step: Step): void => {
    const busy = has(step, 'running');
    if (busy) step.since ??= now();
    else if (step.since !== undefined) {
      step.active += now() - step.since;
      step.since = undefined;
    }
  };
  const end = (event: { readonly step: string; readonly task: string }, worked: boolean): void => {
    ended++;
    const step = stepOf(event.step);
    const task = step.tasks.get(event.task);
    if (task === undefined || !worked) {
      step.tasks.delete(event.task);
      step.idle++;
    } else {
      task.state = 'over';
      task.done = task.total;
    }
    settle(step);
  };

  const show = (event: RunEvent): void => {
    if (event.event === 'run.started') tasks = event.tasks;
    if (!('step' in event)) return;
    const step = stepOf(event.step);
    switch (event.event) {
      case 'task.started': {
        const task = taskOf(step, event.task);
        Object.assign(task, { state: 'running', base: task.done, heard: now() });
        step.device = event.device;
        settle(step);
        break;
      }
      case 'task.queued':
      case 'task.waiting': {
        const task = taskOf(step, event.task);
        if (task.state === 'known') task.state = 'held';
        break;
      }
      case 'task.progress': {
        const task = taskOf(step, event.task);
        // What another run has begun is heard of by its progress alone.
        if (task.state === 'held') Object.assign(task, { state: 'running', base: event.done, heard: now() });
        settle(step);
        Object.assign(task, { done: event.done, total: event.total, gap: Math.max(task.gap, now() - task.heard) });
        task.heard = now();
        step.unit = event.unit;
        break;
      }
      case 'task.retrying':
        Object.assign(taskOf(step, event.task), { done: 0, base: 0, heard: now() });
        break;
      case 'task.cached':
      case 'task.skipped':
        end(event, false);
        break;
      case 'task.finished':
      case 'task.failed':
        end(event, true);
        break;
      default:
        break;
    }
  };

  const isSilent = (task: Task): boolean =>
    task.total > 0 && (task.done >= task.total || now() - task.heard > Math.max(SILENCE, 4 * task.gap));

  const viewOf = (step: Step): StepView => {
    const list = [...step.tasks.values()];
    const all = tasksOfStep.get(step.step) ?? list.length;
    const toRun = Math.max(1, all - step.idle);
    const over = list.filter(({ state }) => state === 'over').length;
    const told = list.filter(({ total }) => total > 0);
    const sum = (of: (task: Task) => number): number => told.reduce((total, task) => total + of(task), 0);
    const done = sum((task) => task.done);
    // Tasks that have not said how much they have to do count as the mean of those that have.
    const total = told.length === 0 ? 0 : Math.round((sum((task) => task.total) / told.length) * toRun);
    const seconds = (step.active + (step.since === undefined ? 0 : now() - step.since)) / 1000;
    const fresh = done - sum((task) => task.base);
    const rate = seconds > 1 && fresh > 0 ? fresh / seconds : undefined;
    const share = Math.min(1, total > 0 ? done / total : over / toRun);
    const byTasks = over > 0 ? (seconds * (toRun - over)) / over : undefined;
    const running = list.filter(({ state }) => state === 'running');
    return {
      step: step.step,
      device: step.device,
      ended: step.idle + over,
      tasks: all,
      done,
      total,
      unit: step.unit,
      share,
      rate,
      seconds,
      secondsLeft: total === 0 ? byTasks : rate === undefined ? undefined : Math.max(0, total - done) / rate,
      waiting: running.every(isSilent),
    };
  };

  return {
    show,
    /** The steps with tasks that run or wait for another run, in the order in which they began. */
    running: (): StepView[] =>
      [...steps.values()].filter((step) => has(step, 'running') || has(step, 'held')).map(viewOf),
    total: () => ({ ended, tasks, seconds: (now() - began) / 1000 }),
  };
}
