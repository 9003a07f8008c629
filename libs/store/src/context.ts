import { systemFailure } from '@sonde/base';
import { StoreError } from './disk/errors.ts';
import { type Layout, layoutOf } from './disk/layout.ts';
import { createHolder, type Holder } from './leases/holder.ts';
import { createWatch, type Watch } from './leases/life.ts';
import type { OpenOptions } from './types.ts';

/** What the parts of one opened store share. */
export interface Context {
  readonly layout: Layout;
  readonly readOnly: boolean;
  readonly watch: Watch;
  /** This process's holder, made (with the store's layout) when something is first written. */
  holder(): Promise<Holder>;
  /** Whether the store can be written to; it is made where it is not there yet. */
  canWrite(): Promise<boolean>;
  /** The holder, where it was made already. */
  currentHolder(): Promise<Holder | undefined>;
  close(): Promise<void>;
}

export function createContext(dir: string, options: OpenOptions): Context {
  const layout = layoutOf(dir);
  const readOnly = options.readOnly ?? false;
  let holder: Promise<Holder> | undefined;
  const context: Context = {
    layout,
    readOnly,
    watch: createWatch(layout),
    holder() {
      if (readOnly) {
        throw new StoreError('permission', `The store ${dir} was opened for reading only.`, { path: dir });
      }
      holder ??= createHolder(layout, options.heartbeatSeconds).catch((error: unknown) => {
        holder = undefined;
        throw error;
      });
      return holder;
    },
    async canWrite() {
      if (readOnly) return false;
      try {
        await context.holder();
        return true;
      } catch (error) {
        const kind = systemFailure(error)?.kind;
        if (kind === 'permission' || kind === 'no-space') return false;
        throw error;
      }
    },
    currentHolder: async () => holder,
    async close() {
      const ended = await holder;
      holder = undefined;
      await ended?.close();
    },
  };
  return context;
}
