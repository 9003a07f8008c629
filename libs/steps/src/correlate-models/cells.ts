import { UserError } from '@sonde/base';
import type { CORRELATIONS, RowOf } from '@sonde/formats';
import { depthPoints, type LayerCurve, scoreAtDepth } from '@sonde/probing';
import { correctForRange } from '@sonde/statistics';
import { meanOfKnown } from '../shared/means.ts';
import type { Config } from './config.ts';
import { keyOf, type Probed, type Subject } from './subjects.ts';
import type { Unit } from './units.ts';

/** Where in a model's depth scores are compared. */
export interface Place {
  readonly column: Pick<RowOf<typeof CORRELATIONS>, 'layer' | 'relative_depth'>;
  read(curve: LayerCurve): number | undefined;
}

export function placesOf({ depth, points }: Config, subjects: readonly Subject[]): Place[] {
  if (depth === 'relative') {
    return depthPoints(points).map((share) => ({
      column: { relative_depth: share },
      read: (curve) => scoreAtDepth(curve, share),
    }));
  }
  const curves = subjects.flatMap(({ probes }) => [...probes.values()].map(({ curve }) => curve));
  const layers = new Set(curves.flatMap((curve) => [...curve.keys()]));
  return [...layers].sort((a, b) => a - b).map((layer) => ({ column: { layer }, read: (curve) => curve.get(layer) }));
}

/** What was probed in any of the models, and is asked for or known as a behaviour. */
export function probedIn(subjects: readonly Subject[], asked: readonly string[] | undefined): Probed[] {
  const all = new Map(subjects.flatMap(({ probes }) => [...probes]));
  const found = [...all.values()].filter(
    ({ attribute }) => asked?.includes(attribute) ?? subjects.some(({ behavior }) => behavior.has(attribute)),
  );
  if (found.length === 0) throw new UserError('input', 'no attribute has both a behaviour and probe scores');
  return found.map(({ scenario, attribute }) => ({ scenario, attribute }));
}

/** One correlation: a value for each unit. */
export interface Cell {
  readonly probed: Probed;
  readonly place: Place;
  /** Probe scores. */
  readonly x: readonly (number | null)[];
  /** Behaviour. */
  readonly y: readonly (number | null)[];
  /** Spread of the probes' labels. */
  readonly spread: readonly (number | null)[];
  /** Probe scores as they would be at one spread of labels; null where spreads are not known. */
  readonly corrected: readonly (number | null)[];
  /** Prompts that the behaviour is over. */
  readonly prompts: readonly (number | null)[];
}

/** A unit's numbers are means over its members that have both. */
export function cellOf(units: readonly Unit<Subject>[], probed: Probed, place: Place): Cell {
  const found = units.map(({ members }) =>
    members.flatMap(({ probes, behavior, prompts }) => {
      const own = probes.get(keyOf(probed));
      const x = own && place.read(own.curve);
      const y = behavior.get(probed.attribute);
      if (x === undefined || y === undefined || y === null) return [];
      return [{ x, y, spread: own!.spread, prompts: prompts.get(probed.attribute) ?? null }];
    }),
  );
  const reference = meanOfKnown(found.flat().map(({ spread }) => spread));
  const mean = (read: (member: (typeof found)[0][0]) => number | null) =>
    found.map((own) => meanOfKnown(own.map(read)));
  return {
    probed,
    place,
    x: mean(({ x }) => x),
    y: mean(({ y }) => y),
    spread: mean(({ spread }) => spread),
    corrected: mean(({ x, spread }) =>
      spread === null || reference === null ? null : correctForRange(x, spread, reference),
    ),
    prompts: found.map((own) => leastOf(own.map(({ prompts }) => prompts))),
  };
}

/** The least of what is known; null where nothing is. */
export function leastOf(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : Math.min(...known);
}

/** The greatest of what is known; null where nothing is. */
export function mostOf(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : Math.max(...known);
}
