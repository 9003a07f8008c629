import { hostname } from 'node:os';
import { join, sep } from 'node:path';
import { type JsonObject, systemFailure } from '@sonde/base';
import type { Store } from '@sonde/store';
import type { Job } from '../backends/backend.ts';
import { withPaths } from '../decide/inputs.ts';
import { TaskFailure } from '../failure.ts';
import type { Unit } from '../run/unit.ts';
import type { OrderInput } from '../spool/input.ts';
import type { Order } from '../spool/order.ts';
import { type InputArtifact, isInputArtifact, type RunValue } from '../step.ts';
import type { Saying } from './saying.ts';

/** An order as a unit of this process: with every input at its path here, checked. */
export async function unitOf(order: Order, store: Store, saying: Saying, job: string | undefined): Promise<Unit> {
  const paths = new Map<string, string>();
  for (const input of order.inputs) paths.set(input.path, await locate(input, order, store));
  const located = relocated(order.job, paths);
  await checkFiles(order, store);
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
    checkInputs: () => checkFiles(order, store),
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

async function locate({ path, stored }: OrderInput, order: Order, store: Store): Promise<string> {
  if (stored !== undefined) return store.artifacts.open(stored);
  return inStore(path, order, store);
}

/** A path below the store, where the store lies for this process. */
function inStore(path: string, order: Order, store: Store): string {
  return path.startsWith(order.store + sep) ? join(store.dir, path.slice(order.store.length)) : path;
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

/** Files outside the store are what the order says, seen from this host. */
async function checkFiles(order: Order, store: Store): Promise<void> {
  for (const { files = [] } of order.inputs) {
    for (const { path, digest } of files) {
      if ((await digestHere(inStore(path, order, store), store)) === digest) continue;
      throw new TaskFailure({
        code: 'input-changed',
        message: `${path} is not what it was when the work was asked for; the result is not kept.`,
        hint: 'Run again when nothing writes to it.',
      });
    }
  }
}

async function digestHere(path: string, store: Store): Promise<string> {
  try {
    return (await store.digestOfFile(path)).digest;
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    const failure = systemFailure(error) ?? systemFailure(cause);
    if (failure === undefined) throw error;
    throw new TaskFailure({
      code: 'data',
      message: `${path} cannot be read on ${hostname()}: ${failure.meaning}.`,
      hint: 'Put it where every host sees it under the same path.',
    });
  }
}
