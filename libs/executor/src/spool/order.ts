import { randomUUID } from 'node:crypto';
import type { JsonObject } from '@sonde/base';
import type { Key, OrderName, ResultRecord } from '@sonde/store';
import type { Job, JobLimits, JobNeeds } from '../backends/backend.ts';
import type { Failure } from '../failure.ts';
import type { Unit, UnitTask } from '../run/unit.ts';
import type { OrderInput } from './input.ts';
import { plain } from './plain.ts';
import { shortDigest } from './shape.ts';

/** A unit as plain data: whoever has the store and the step kinds can do it. */
export interface Order {
  readonly sonde: 1;
  /** Tells this order from an earlier one of the same key. */
  readonly id: string;
  /** The run that asked first. */
  readonly run: string;
  /** Where the store lies for whoever wrote this. */
  readonly store: string;
  readonly key: Key;
  readonly fingerprint: JsonObject;
  readonly task: UnitTask;
  /** Its folders are empty names: each attempt has its own. */
  readonly job: Job;
  readonly inputs: readonly OrderInput[];
  readonly needs: Pick<JobNeeds, 'provider' | 'affinity' | 'runsCode' | 'completes' | 'devices'>;
  readonly limits: JobLimits;
  readonly force: boolean;
  readonly secondsBefore: number;
  readonly notes: JsonObject;
}

/** A line that a step has said: numbered, so that it is told once. */
export interface SaidLine {
  readonly number: number;
  readonly level: 'info' | 'warning';
  readonly message: string;
}

/** What a worker says of the order that it is doing. */
export interface LiveState {
  readonly order: string;
  readonly run: string;
  readonly task: string;
  readonly step: string;
  readonly host: string;
  readonly pid: number;
  /** The job of the cluster that the worker is. */
  readonly job?: string;
  /** Absent before its first attempt. */
  readonly device?: string;
  readonly attempt: number;
  /** How many workers were lost with it before. */
  readonly losses: number;
  /** Workers whose time was over before it was done. */
  readonly handedBack?: HandedBack;
  /** Nobody is at work on it: what is kept of it is for the next worker. */
  readonly idle?: boolean;
  readonly progress?: { readonly done: number; readonly total: number; readonly unit: string };
  readonly said: readonly SaidLine[];
  /** The last lines that its process, or the program that it runs, wrote. */
  readonly wrote?: readonly string[];
}

/** How often an order was given back because its worker's time was over, and what it had of their time, in seconds. */
export interface HandedBack {
  readonly workers: number;
  readonly seconds: number;
}

/** How an order ended: a failure, or a success of which there is more to say than its result does. */
export interface OrderEnd {
  readonly failure?: Failure;
  readonly trace?: string;
  readonly said: readonly SaidLine[];
}

/** @param limits after what was short before */
export function orderOf(unit: Unit, limits: JobLimits, run: string, store: string): Order & JsonObject {
  const { id, step, outputs, retries, resources, onFailure } = unit.task;
  const { provider, affinity, runsCode, completes, devices } = unit.needs;
  return plain<Order>({
    sonde: 1,
    id: randomUUID(),
    run,
    store,
    key: unit.key,
    fingerprint: unit.fingerprint,
    task: {
      id,
      step,
      outputs,
      // What is to be had more of after a failure is another shape: whoever asked asks again.
      retries: onFailure === undefined ? retries : 0,
      resources,
      ...(onFailure === undefined ? {} : { onFailure }),
    },
    job: unit.job({ scratch: '', out: '', memory: { store: '', refresh: unit.force } }),
    inputs: unit.inputs(),
    needs: { provider, affinity, runsCode, completes, devices },
    limits,
    force: unit.force,
    secondsBefore: unit.secondsBefore,
    notes: unit.notes(),
  });
}

/** What completes a task goes before everything else. */
const COMPLETING = 500_000;

export function orderNameOf({ key, needs }: Unit, shape: string): OrderName {
  const affinity = needs.affinity === undefined ? '' : shortDigest(needs.affinity);
  return { key, shape, rank: needs.rank + (needs.completes ? COMPLETING : 0), affinity };
}

/** Whether a result is what the order asks for: of one that is to be computed anew, its own. */
export function answers(record: ResultRecord, { force, id }: Pick<Order, 'force' | 'id'>): boolean {
  return !force || record.notes?.order === id;
}
