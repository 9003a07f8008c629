import { relative, sep } from 'node:path';
import { UserError } from '@sonde/base';
import { isFolderType } from '@sonde/data';
import { type Copy, type CopySource, type Digest, openStore, type Store, type StoredArtifact } from '@sonde/store';
import type { JobListener } from '../backends/backend.ts';
import type { OrderInput } from '../spool/input.ts';
import type { InputArtifact } from '../step.ts';

/** A folder on a disk of this machine, where copies of checkpoints are kept for the workers of this machine. */
export interface ScratchOptions {
  /** May name variables of the environment, `$USER` or `${USER}`. */
  readonly folder: string;
  /** All copies together take no more. */
  readonly maxBytes: number;
  /** A worker that ends removes what nobody has read for so long. */
  readonly keepSeconds: number;
}

/** What is to be copied, and who wants it. */
export interface CopyRequest {
  readonly artifact: InputArtifact;
  readonly input: OrderInput;
  /** Where a path of the input lies for this process. */
  readonly place: (path: string) => string;
  readonly listener: JobListener;
  readonly signal: AbortSignal;
}

export interface NodeCopies {
  /** The copy of a checkpoint; undefined where there is none to be had, which is said once: it is read where it lies. */
  lend(request: CopyRequest): Promise<Copy | undefined>;
  /** Removes what is no longer kept. */
  close(): Promise<void>;
}

export function createNodeCopies(options: ScratchOptions, shared: Store, holder: string): NodeCopies {
  let scratch: Promise<Store> | undefined;
  const told = new Set<string>();

  async function lendOne(request: CopyRequest): Promise<Copy | undefined> {
    const { artifact, listener, signal } = request;
    const source = sourceOf(request, shared);
    if (source === undefined) return undefined;
    scratch ??= openStore(folderIn(options.folder, process.env));
    const began = performance.now();
    const { copies } = await scratch;
    const copy = await copies.lend(source, { maxBytes: options.maxBytes, holder, signal });
    if (copy === undefined)
      throw new UserError('no-space', `there is no room in ${options.folder} for ${nameOf(artifact)}`);
    if (copy.copied > 0) {
      const seconds = ((performance.now() - began) / 1000).toFixed(1);
      listener.log('info', `Copied ${nameOf(artifact)} to ${copy.path}: ${copy.copied} bytes in ${seconds} s.`);
    }
    return copy;
  }

  return {
    async lend(request) {
      try {
        return await lendOne(request);
      } catch (error) {
        if (request.signal.aborted || !(error instanceof UserError)) throw error;
        const why = `No copy on this machine's own disk, read where it lies: ${error.message.replace(/\.$/, '')}.`;
        if (!told.has(why)) request.listener.log('warning', why);
        told.add(why);
        return undefined;
      }
    },
    async close() {
      const store = await scratch?.catch(() => undefined);
      // What cannot be removed now is found by the next worker.
      await store?.copies.clean(options.keepSeconds).catch(() => undefined);
      await store?.close();
    },
  };
}

function nameOf({ ref, type }: InputArtifact): string {
  return ref ?? `a ${type}`;
}

/** What there is to copy of an input: a checkpoint's files, in the store or outside. */
function sourceOf({ artifact, input, place }: CopyRequest, shared: Store): CopySource | undefined {
  if (!isFolderType(artifact.type)) return undefined;
  if (input.stored !== undefined) return sourceInStore(input.stored, shared);
  const { path: folder, files = [] } = input;
  const entries = files.map(({ path, digest }) => [
    relative(folder, path).split(sep).join('/'),
    { path: place(path), digest: digest as Digest },
  ]);
  return entries.length === 0 ? undefined : { digest: artifact.digest as Digest, files: Object.fromEntries(entries) };
}

function sourceInStore({ digest, files = {} }: StoredArtifact, shared: Store): CopySource | undefined {
  const entries = Object.entries(files).map(([name, file]) => [
    name,
    { path: shared.blobs.path(file.digest), digest: file.digest },
  ]);
  return entries.length === 0 ? undefined : { digest, files: Object.fromEntries(entries) };
}

/** A folder's name with its variables filled in. @throws UserError where one is not set */
export function folderIn(text: string, environment: NodeJS.ProcessEnv): string {
  return text.replace(/\$(?:(\w+)|\{(\w+)\})/g, (_, plain: string | undefined, braced: string | undefined) => {
    const name = plain ?? braced!;
    const value = environment[name];
    if (value === undefined || value === '') throw new UserError('usage', `$${name} of ${text} is not set`);
    return value;
  });
}
