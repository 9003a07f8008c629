import { hostname } from 'node:os';
import { join, sep } from 'node:path';
import { systemFailure } from '@sonde/base';
import type { Copy, Store } from '@sonde/store';
import type { JobListener } from '../backends/backend.ts';
import { NotComputed, TaskFailure } from '../failure.ts';
import type { OrderInput } from '../spool/input.ts';
import type { Order } from '../spool/order.ts';
import { type InputArtifact, isInputArtifact, type RunValue } from '../step.ts';
import type { NodeCopies } from './node-copies.ts';

/** What an order reads, as it lies for this process. */
export interface LocatedInputs {
  /** By the path that the order gives. */
  readonly paths: ReadonlyMap<string, string>;
  /** Throws where an input is no longer what the order says. */
  check(): Promise<void>;
  /** Copies on this machine's own disk are no longer read. */
  release(): Promise<void>;
}

export interface LocateOptions {
  readonly store: Store;
  /** Absent: nothing is copied. */
  readonly copies: NodeCopies | undefined;
  readonly listener: JobListener;
  readonly signal: AbortSignal;
}

/** Finds every input on this machine, checked; checkpoints on its own disk, where it keeps copies. */
export async function locateInputs(order: Order, options: LocateOptions): Promise<LocatedInputs> {
  const { store } = options;
  const paths = new Map<string, string>();
  const copied = new Map<OrderInput, Copy>();
  const artifacts = artifactsOf(order);
  const place = (path: string) => inStore(path, order, store);
  const inputs: LocatedInputs = {
    paths,
    check: () => checkInputs(order, copied, options),
    async release() {
      for (const copy of copied.values()) await copy.release();
    },
  };
  try {
    for (const input of order.inputs) {
      const artifact = artifacts.get(input.path);
      const copy = artifact && (await options.copies?.lend({ ...options, artifact, input, place }));
      if (copy !== undefined) copied.set(input, copy);
      paths.set(
        input.path,
        copy?.path ?? (input.stored ? await store.artifacts.open(input.stored) : place(input.path)),
      );
    }
    await inputs.check();
    return inputs;
  } catch (error) {
    await inputs.release();
    if (options.signal.aborted) throw new NotComputed();
    throw error;
  }
}

/** The artifacts of its job's config by their paths. */
function artifactsOf({ job }: Order): ReadonlyMap<string, InputArtifact> {
  const artifacts = new Map<string, InputArtifact>();
  const visit = (value: RunValue): void => {
    if (value === null || typeof value !== 'object') return;
    if (isInputArtifact(value)) artifacts.set(value.path, value);
    else for (const member of Object.values(value)) visit(member);
  };
  visit(job.config);
  return artifacts;
}

/** A path below the store, where the store lies for this process. */
function inStore(path: string, order: Order, store: Store): string {
  return path.startsWith(order.store + sep) ? join(store.dir, path.slice(order.store.length)) : path;
}

/** Copies are what they were when they were checked; other files outside the store are what the order says, seen from here. */
async function checkInputs(
  order: Order,
  copied: ReadonlyMap<OrderInput, Copy>,
  { store }: LocateOptions,
): Promise<void> {
  for (const input of order.inputs) {
    const copy = copied.get(input);
    if (copy !== undefined) {
      if (!(await copy.isWhole())) throw changed(copy.path);
      continue;
    }
    for (const { path, digest } of input.files ?? []) {
      if ((await digestHere(inStore(path, order, store), store)) !== digest) throw changed(path);
    }
  }
}

function changed(path: string): TaskFailure {
  return new TaskFailure({
    code: 'input-changed',
    message: `${path} is not what it was when the work was asked for; the result is not kept.`,
    hint: 'Run again when nothing writes to it.',
  });
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
