import type { Problems } from '../diagnostics/problems.ts';
import type { Located, Range } from '../values/located.ts';

// A small file can stand for endless work: an expression that brings a long text a thousand times, a hundred thousand
// tasks with a long config each. What is copied is counted, in characters, and counting ends in a diagnostic.

/** Characters, or their like, that a pipeline's configs may have together. */
export const MAX_CONTENT = 256 * 1024 * 1024;
/** Characters of one text with expressions in it. */
export const MAX_TEXT = 1024 * 1024;
/** What a value counts beside its characters. */
const PER_VALUE = 32;
/** What a task counts that another waits for or takes an output of. */
const PER_NEED = 256;

export interface Budget {
  /** Takes so much; false, and reported once, where more has been taken than there is. */
  spend(amount: number, blame: Range): boolean;
  readonly spent: boolean;
}

export function createBudget(problems: Problems): Budget {
  let left = MAX_CONTENT;
  return {
    spend: (amount, blame) => {
      const before = left;
      left -= amount;
      if (before >= 0 && left < 0) {
        problems.error(
          'SND102',
          blame,
          `the configs of all tasks have more than ${MAX_CONTENT} characters and values together`,
          'fewer tasks, or shorter values; long texts belong into a file that the steps read',
        );
      }
      return left >= 0;
    },
    get spent() {
      return left < 0;
    },
  };
}

// By what is in a list or map: each use of a value is an object of its own around the same content.
const sizes = new WeakMap<object, number>();

/** How much a value counts, with all that is in it. */
export function sizeOf(node: Located): number {
  if (node.type === 'scalar') return PER_VALUE + (typeof node.value === 'string' ? node.value.length : 0);
  if (node.type === 'reference') return PER_NEED * node.reference.items.length;
  if (node.type === 'broken') return PER_VALUE;
  const content = node.type === 'list' ? node.items : node.entries;
  const known = sizes.get(content);
  if (known !== undefined) return known;
  let size = PER_VALUE;
  if (node.type === 'list') for (const item of node.items) size += sizeOf(item);
  else for (const [key, entry] of node.entries) size += key.length + sizeOf(entry.value);
  sizes.set(content, size);
  return size;
}

/** How much the needs of a task count. */
export function sizeOfNeeds(count: number): number {
  return PER_NEED * count;
}
