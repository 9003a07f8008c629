import { asStoreError } from './errors.ts';

/**
 * The same functions, and what else is there, which throw every failed system call as a StoreError: the one place where
 * they become errors for people. `dir` is the store's folder.
 */
export function guarded<T extends object>(functions: T, dir: string): T {
  const properties = Object.entries(Object.getOwnPropertyDescriptors(functions)).map(([name, property]) => {
    return [name, 'value' in property ? { ...property, value: guard(property.value, dir) } : property];
  });
  return Object.defineProperties({}, Object.fromEntries(properties)) as T;
}

function guard(work: unknown, dir: string): unknown {
  if (typeof work !== 'function') return work;
  return (...args: unknown[]): unknown => {
    try {
      const outcome: unknown = work(...args);
      if (outcome instanceof Promise) return outcome.catch((error: unknown) => fail(error, dir));
      return isIterable(outcome) ? each(outcome, dir) : outcome;
    } catch (error) {
      return fail(error, dir);
    }
  };
}

function fail(error: unknown, dir: string): never {
  throw asStoreError(error, dir);
}

function isIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

async function* each(items: AsyncIterable<unknown>, dir: string): AsyncIterable<unknown> {
  try {
    yield* items;
  } catch (error) {
    fail(error, dir);
  }
}
