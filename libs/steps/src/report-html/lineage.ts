import { groupBy, type JsonObject, type JsonValue } from '@sonde/base';
import type { Ancestor, InputArtifact } from '@sonde/executor';

/** Every digest that a fingerprint names as an input. */
export function* inputDigests(value: JsonValue | undefined): Generator<string> {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value) && typeof (value as JsonObject).input === 'string')
    yield (value as JsonObject).input as string;
  else for (const item of Object.values(value)) yield* inputDigests(item as JsonValue);
}

/** Who made each digest. */
function producersOf(ancestors: readonly Ancestor[]): Map<string, Ancestor[]> {
  const made = ancestors.flatMap((ancestor) =>
    Object.values(ancestor.outputs).map(({ digest }) => ({ ancestor, digest })),
  );
  const groups = groupBy(made, ({ digest }) => digest);
  return new Map([...groups].map(([digest, group]) => [digest, group.map(({ ancestor }) => ancestor)]));
}

/** How many results each ancestor stands on, one above the other, by its key: 0 where it stands on none. */
export function depthsOf(ancestors: readonly Ancestor[]): Map<string, number> {
  const producers = producersOf(ancestors);
  const depths = new Map<string, number>();
  const depthOf = (ancestor: Ancestor): number => {
    const known = depths.get(ancestor.key);
    if (known !== undefined) return known;
    // A result whose bytes are those of its input stands on itself no deeper.
    depths.set(ancestor.key, 0);
    const below = [...inputDigests(ancestor.fingerprint)].flatMap((digest) => producers.get(digest) ?? []);
    const depth = Math.max(0, ...below.filter(({ key }) => key !== ancestor.key).map((other) => depthOf(other) + 1));
    depths.set(ancestor.key, depth);
    return depth;
  };
  for (const ancestor of ancestors) depthOf(ancestor);
  return depths;
}

/**
 * The axis values of each ancestor, by its key. Ancestors name no steps or axes, so that renaming changes nothing; but
 * the report's collected inputs know theirs, and what made them, and what made that, shares them — unless it serves
 * several values.
 */
export function axesOfAncestors(
  ancestors: readonly Ancestor[],
  collected: readonly InputArtifact[],
): Map<string, Record<string, JsonValue>> {
  const producers = producersOf(ancestors);
  const values = new Map<string, Map<string, Set<string>>>();
  const visit = (ancestor: Ancestor, axes: JsonObject, seen: Set<string>): void => {
    if (seen.has(ancestor.key)) return;
    seen.add(ancestor.key);
    const own = values.get(ancestor.key) ?? new Map<string, Set<string>>();
    values.set(ancestor.key, own);
    for (const [axis, value] of Object.entries(axes))
      own.set(axis, (own.get(axis) ?? new Set()).add(JSON.stringify(value)));
    for (const digest of inputDigests(ancestor.fingerprint))
      for (const producer of producers.get(digest) ?? []) visit(producer, axes, seen);
  };
  for (const { digest, axes } of collected)
    for (const producer of producers.get(digest) ?? []) visit(producer, axes, new Set());
  return new Map(
    [...values].map(([key, axes]) => [
      key,
      Object.fromEntries(
        [...axes]
          .filter(([, set]) => set.size === 1)
          .map(([axis, set]) => [axis, JSON.parse([...set][0]!) as JsonValue]),
      ),
    ]),
  );
}
