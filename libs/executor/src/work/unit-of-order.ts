import { hostname } from 'node:os';
import type { JsonObject } from '@sonde/base';
import type { Job } from '../backends/backend.ts';
import { withPaths } from '../decide/inputs.ts';
import type { Unit } from '../run/unit.ts';
import type { Order } from '../spool/order.ts';
import { type InputArtifact, isInputArtifact, type RunValue } from '../step.ts';
import type { LocatedInputs } from './inputs-of-order.ts';
import type { Saying } from './saying.ts';

/** An order as a unit of this process: with every input at its path here. */
export function unitOf(order: Order, inputs: LocatedInputs, saying: Saying, job: string | undefined): Unit {
  const located = relocated(order.job, inputs.paths);
  const { task, key, fingerprint, needs, limits, force, secondsBefore } = order;
  return {
    task,
    key,
    fingerprint,
    needs: {
      ...needs,
      rank: 0,
      isBegun: () => true,
    },
    light: false,
    limits,
    listener: saying.listener,
    force,
    inputs: () => order.inputs,
    job: (place) => (located.type === 'run' ? { ...located, ...place } : { ...located, out: place.out }),
    onStart: saying.start,
    onFailure: () => {},
    isPointless: () => false,
    checkInputs: inputs.check,
    secondsBefore,
    notes: () => notesOf(order, saying, job),
  };
}

function notesOf(order: Order, saying: Saying, job: string | undefined): JsonObject {
  const shard = order.job.type === 'run' && order.job.shard !== undefined ? saying.total() : undefined;
  return {
    ...order.notes,
    ...(shard === undefined ? {} : { progress: { ...shard } }),
    ...(order.force ? { order: order.id } : {}),
    host: hostname(),
    ...(job === undefined ? {} : { job }),
  };
}

function relocated(job: Job, paths: ReadonlyMap<string, string>): Job {
  const artifacts = new Map<InputArtifact, string>();
  const visit = (value: RunValue): void => {
    if (value === null || typeof value !== 'object') return;
    if (isInputArtifact(value)) artifacts.set(value, paths.get(value.path) ?? value.path);
    else for (const member of Object.values(value)) visit(member);
  };
  visit(job.config);
  const config = withPaths(job.config, artifacts);
  if (job.type === 'run') return { ...job, config };
  const parts = job.parts.map((part) =>
    Object.fromEntries(Object.entries(part).map(([name, path]) => [name, paths.get(path) ?? path])),
  );
  return { ...job, config, parts };
}
