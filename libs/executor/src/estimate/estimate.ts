import { availableParallelism } from 'node:os';
import type { Graph, TaskId, TaskNode } from '@sonde/pipeline';
import type { ResultRecord } from '@sonde/store';
import { type Decision, kindOf } from '../decide/decide.ts';
import type { Plan, PlanOptions } from '../decide/options.ts';
import { plannedTask, summaryOf } from '../decide/plan.ts';
import { prepare } from '../decide/prepare.ts';
import { devicesOf, isLight, providerOf } from '../provider.ts';
import type { Provider, StepKind } from '../step.ts';
import { type Cost, NOMINAL, type Rates, type Shape, secondsOf } from './cost.ts';
import { type Download, downloadsOf } from './downloads.ts';
import { createPastWork, type Experience } from './history.ts';
import { expectInputs } from './inputs.ts';
import { shareLeft } from './shards-left.ts';
import { costOf } from './work.ts';

/**
 * What an estimate of time rests on: results of the same model, or of the same kind; the work that the kind says it is, at
 * the rates of this machine; or nothing, where a kind does not say. `unknown`: the kind would say, but nothing is known of
 * what comes in; its time, memory and disk count as none.
 */
export type Grounds = 'same' | 'kind' | 'work' | 'nothing' | 'unknown';

export interface TaskEstimate {
  readonly task: TaskId;
  readonly step: string;
  readonly provider: Provider;
  /** Devices that it takes at once. */
  readonly devices: number;
  readonly grounds: Grounds;
  /** Earlier results that it rests on. */
  readonly results: number;
  /** Expected, and the bounds within which it is taken to lie. All 0 where it is cached. */
  readonly seconds: number;
  readonly low: number;
  readonly high: number;
  /** In bytes. */
  readonly memory: number;
  readonly disk: number;
  readonly rows?: number;
}

export interface Estimate extends Plan {
  /** Of the tasks that are to run, or may have to. */
  readonly estimates: readonly TaskEstimate[];
  /** From the beginning of the run to its end, with so many workers. */
  readonly elapsed: number;
  readonly places: Places;
  readonly downloads: readonly Download[];
}

/** How much goes on at a time. */
export interface Places {
  /** Tasks on the CPU. */
  readonly cpu: number;
  readonly devices: number;
  /** Of small tasks that a run does itself while others do the rest; absent: they are done where all are. */
  readonly small?: number;
}

export interface EstimateOptions extends PlanOptions {
  /** Measured when first asked for. */
  rates(provider: Provider): Promise<Rates>;
  /** Default: tasks on the CPU as many as the machine has cores, and the devices of `accelerators`. */
  readonly places?: Places;
  /** Results that tell more of the machines which will do the work than others do: where there are any, they alone count. */
  readonly ofThoseMachines?: (record: ResultRecord) => boolean;
}

/** An estimate by work alone may be so much too high or too low; by results of another model; by those of the same. */
const SPREAD = { unknown: 1, nothing: 10, work: 3, kind: 2, same: 1.25 } as const;
/** What a kind is taken to need that says nothing of its cost: its process, and time for its rows. */
const SMALL = { seconds: 0.25, secondsPerRow: 2e-5, memory: 200e6 };

/** What is left to do, and what it is expected to take. Runs nothing, writes nothing, brings no data here. */
export async function estimateGraph(graph: Graph, options: EstimateOptions): Promise<Estimate> {
  const { tasks, context, decisions } = await prepare(graph, options);
  const { store } = options;
  const places = options.places ?? {
    cpu: availableParallelism(),
    devices: Math.max(1, context.accelerators.length),
  };
  const past = createPastWork(store, options.ofThoseMachines);
  const recordOf = (id: TaskId) => recordIn(decisions.get(id));
  const outputs = new Map<TaskId, Readonly<Record<string, Shape>>>();
  const estimates: TaskEstimate[] = [];
  for (const task of tasks) {
    if (decisions.get(task.id)!.state === 'cached') continue;
    const kind = kindOf(task, context.kinds);
    const provider = providerOf(task, kind, context.accelerators);
    const inputs = await expectInputs(task.with, {
      store,
      data: context.data,
      recordOf,
      expectedOf: (id) => outputs.get(id),
    });
    const said = await costOf(kind, inputs);
    const cost = said ?? smallCost(task, inputs.expected, inputs.config);
    outputs.set(task.id, cost.outputs);
    const of = kind.affinity?.(inputs.config);
    const experience =
      said === undefined ? await past.plain(task.kind, provider) : await past.experience(task.kind, provider, of, cost);
    const grounds = groundsOf(experience, said, kind);
    const whole =
      grounds === 'unknown'
        ? 0
        : experience === undefined
          ? secondsOf(cost, await options.rates(provider))
          : experience.ratio * (said === undefined ? 1 : secondsOf(said, NOMINAL));
    const decision = decisions.get(task.id)!;
    const isAnew = decision.reason.code === 'refresh' || decision.reason.code === 'outdated';
    const canDivide = decision.state === 'run' && !isAnew;
    const share = canDivide ? await shareLeft(task, { kind, config: inputs.config, provider, store }) : 1;
    const seconds = share * whole;
    const spread = Math.max(SPREAD[grounds], experience?.spread ?? 1);
    const bytes = Object.values(cost.outputs).reduce((sum, shape) => sum + (shape.bytes ?? 0), 0);
    estimates.push({
      task: task.id,
      step: task.step,
      provider,
      devices: devicesOf(task, provider),
      grounds,
      results: experience?.results ?? 0,
      seconds,
      low: seconds / spread,
      high: seconds * spread,
      memory: grounds === 'unknown' ? 0 : cost.memory,
      // Shards are kept beside what they are joined to.
      disk: grounds === 'unknown' ? 0 : bytes * (kind.division === undefined ? 1 : 1 + share),
      ...(said === undefined ? {} : { rows: share * said.rows }),
    });
  }
  const planned = tasks.map((task) => plannedTask(task, decisions.get(task.id)!));
  return {
    tasks: planned,
    summary: summaryOf(planned),
    estimates,
    places,
    elapsed: elapsedOf(tasks, estimates, places, context.kinds),
    downloads: await downloadsOf(
      tasks.filter(({ id }) => decisions.get(id)!.state !== 'cached'),
      { store, data: context.data, recordOf },
    ),
  };
}

function recordIn(decision: Decision | undefined) {
  return decision?.state === 'cached' ? decision.record : undefined;
}

function groundsOf(experience: Experience | undefined, said: Cost | undefined, { cost }: StepKind): Grounds {
  if (experience !== undefined) return experience.same ? 'same' : 'kind';
  if (said !== undefined) return 'work';
  return cost === undefined ? 'nothing' : 'unknown';
}

/** Work that is small beside a model's: some time for each row that comes in; what goes out is no more than that. */
function smallCost({ outputs }: TaskNode, expected: (artifact: never) => Shape | undefined, config: unknown): Cost {
  const shapes: Shape[] = [];
  const visit = (value: unknown): void => {
    if (value === null || typeof value !== 'object') return;
    const shape = expected(value as never);
    if (shape !== undefined) shapes.push(shape);
    else for (const member of Object.values(value)) visit(member);
  };
  visit(config);
  const most = (key: keyof Shape): Shape => {
    const known = shapes.flatMap((shape) => shape[key] ?? []);
    return known.length === 0 ? {} : { [key]: Math.max(...known) };
  };
  const made = { ...most('rows'), ...most('bytes'), ...most('characters') };
  const other = SMALL.seconds + SMALL.secondsPerRow * shapes.reduce((sum, shape) => sum + (shape.rows ?? 0), 0);
  return {
    flops: 0,
    traffic: 0,
    other,
    memory: SMALL.memory,
    rows: made.rows ?? 0,
    outputs: Object.fromEntries(
      Object.entries(outputs).map(([name, { type }]) => [name, type === 'table' ? made : {}]),
    ),
  };
}

/** No sooner than all work is shared out, and no sooner than the longest chain of tasks. */
function elapsedOf(
  tasks: readonly TaskNode[],
  estimates: readonly TaskEstimate[],
  { cpu, devices, small }: Places,
  kinds: ReadonlyMap<string, StepKind>,
): number {
  const byTask = new Map(estimates.map((estimate) => [estimate.task, estimate]));
  const work = { cpu: 0, devices: 0, small: 0 };
  const ends = new Map<TaskId, number>();
  for (const task of tasks) {
    const estimate = byTask.get(task.id);
    const start = Math.max(0, ...task.needs.map((id) => ends.get(id) ?? 0));
    ends.set(task.id, start + (estimate?.seconds ?? 0));
    if (estimate === undefined) continue;
    const isSmall = small !== undefined && isLight(task, kindOf(task, kinds));
    const place = estimate.provider !== 'cpu' ? 'devices' : isSmall ? 'small' : 'cpu';
    work[place] += estimate.seconds * estimate.devices;
  }
  return Math.max(0, ...ends.values(), work.cpu / cpu, work.devices / devices, work.small / (small ?? 1));
}
