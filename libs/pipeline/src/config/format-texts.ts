import type { Located, LocatedScalar } from '../values/located.ts';
import type { Plain } from './artifact.ts';
import type { Place } from './schema-walk.ts';

/**
 * A number, `true` or `false` that an expression brings to a place where only text is taken is formatted as it is
 * inside text: `argv: [run.py, "${{ matrix.seed }}"]`. In place.
 */
export function formatTexts(plain: Plain, node: Located, place: Place): void {
  if (!holdsWhole(node)) return;
  if (node.type === 'list' && Array.isArray(plain)) {
    node.items.forEach((item, at) => {
      const here = place.item(at, plain[at]);
      const text = textOf(item, here);
      if (text === undefined) formatTexts(plain[at]!, item, here);
      else plain[at] = text;
    });
  } else if (node.type === 'map' && typeof plain === 'object' && plain !== null && !Array.isArray(plain)) {
    for (const [key, { value }] of node.entries) {
      const here = place.key(key, plain[key]);
      const text = textOf(value, here);
      if (text === undefined) formatTexts(plain[key]!, value, here);
      else plain[key] = text;
    }
  }
}

function textOf(node: Located, { schemas }: Place): string | undefined {
  return isWhole(node) && schemas.some(({ type }) => type === 'string') ? String(node.value) : undefined;
}

function isWhole(node: Located): node is LocatedScalar {
  return (
    node.type === 'scalar' && node.whole === true && (typeof node.value === 'number' || typeof node.value === 'boolean')
  );
}

function holdsWhole(node: Located): boolean {
  if (node.type === 'list') return node.items.some(holdsWhole);
  if (node.type === 'map') return [...node.entries.values()].some(({ value }) => holdsWhole(value));
  return isWhole(node);
}
