import { UserError } from '@sonde/base';
import {
  type Changes,
  type Edit,
  type Features,
  openGates,
  PLAIN,
  SITES,
  type Site,
  siteSize,
  type TrunkSizes,
} from '@sonde/networks';
import type { Intervention, TokenPlace } from './types.ts';

/** Interventions, checked, as runs need them. */
export interface Plan {
  /** How many changes there are at each site. */
  readonly stages: Readonly<Partial<Record<Site, number>>>;
  /** Whether the changes of all tokens of all runs are the same. */
  readonly constant: boolean;
  /**
   * The changes of a run.
   * @param tokens which token of which sequence each token of the run is; null for one that stands for nothing. Only
   * asked for if a change depends on it.
   */
  changes(tokens: () => readonly (TokenPlace | null)[]): Changes;
}

type BlockEdit = (tokens: () => readonly (TokenPlace | null)[]) => Edit[];

function fail(kind: string, message: string): never {
  throw new UserError('model', `Intervention "${kind}": ${message}`);
}

/** An orthonormal basis of what some vectors span: Gram–Schmidt, twice over for accuracy. */
function basisOf(kind: string, vectors: readonly Float32Array[], size: number): Float32Array {
  const basis: Float64Array[] = [];
  for (const vector of vectors) {
    const rest = Float64Array.from(vector);
    const length = Math.hypot(...rest);
    if (!(length > 0)) fail(kind, 'a direction is zero, so it cannot be projected out.');
    for (let pass = 0; pass < 2; pass++) {
      for (const unit of basis) {
        const along = unit.reduce((sum, value, i) => sum + value * rest[i]!, 0);
        for (let i = 0; i < size; i++) rest[i]! -= along * unit[i]!;
      }
    }
    const left = Math.hypot(...rest);
    // What other directions span already needs no direction of its own.
    if (left > 1e-6 * length) basis.push(rest.map((value) => value / left));
  }
  const flat = new Float32Array(basis.length * size);
  basis.forEach((unit, row) => {
    flat.set(unit, row * size);
  });
  return flat;
}

function checkVector(kind: string, vector: Float32Array, size: number, site: Site): Float32Array {
  if (vector.length !== size) {
    fail(kind, `a vector has ${vector.length} numbers; the model's ${site} states have ${size}.`);
  }
  if (!vector.every(Number.isFinite)) fail(kind, 'a vector holds a number that is not finite.');
  return vector;
}

function checkCount(kind: string, what: string, count: number, layers: readonly number[]): void {
  if (count === layers.length) return;
  fail(kind, `${count} ${what} are given for ${layers.length} layers; expected one for each.`);
}

function replacing(
  intervention: Extract<Intervention, { kind: 'replace' }>,
  site: Site,
  stage: number,
  size: number,
): BlockEdit {
  const { layers, stateOf } = intervention;
  /** What a token's states become, copied: the caller may use its arrays again. */
  const copyOf = (place: TokenPlace): Float32Array[] | null => {
    const states = stateOf(place);
    if (states !== null) checkCount('replace', 'states', states.length, layers);
    return states?.map((state) => checkVector('replace', state, size, site).slice()) ?? null;
  };
  return (tokens) => {
    const places = tokens();
    const states = places.map((place) => (place ? copyOf(place) : null));
    if (states.every((state) => state === null)) return [];
    const keep = Float32Array.from(states, (state) => (state ? 0 : 1));
    return layers.map((block, i) => {
      const offset = new Float32Array(places.length * size);
      states.forEach((state, token) => {
        if (state) offset.set(state[i]!, token * size);
      });
      return { site, stage, block, keep, offset };
    });
  };
}

function editOf(
  intervention: Exclude<Intervention, { kind: `bypass${string}` }>,
  site: Site,
  stage: number,
  size: number,
): BlockEdit {
  const { kind, layers } = intervention;
  if (kind === 'replace') return replacing(intervention, site, stage, size);
  const given = kind === 'erase' ? intervention.directions : intervention.vectors;
  checkCount(kind, kind === 'erase' ? 'lists of directions' : 'vectors', given.length, layers);
  const edits = layers.map((block, i): Edit => {
    const at = { site, stage, block };
    if (kind === 'erase') {
      const vectors = intervention.directions[i]!.map((vector) => checkVector(kind, vector, size, site));
      return { ...at, directions: basisOf(kind, vectors, size) };
    }
    const offset = checkVector(kind, intervention.vectors[i]!, size, site);
    return kind === 'add' ? { ...at, offset } : { ...at, keep: Float32Array.of(0), offset };
  });
  return () => edits;
}

function checkBlocks(kind: string, layers: readonly number[], blocks: number): void {
  const outside = layers.find((layer) => !Number.isInteger(layer) || layer < 0 || layer >= blocks);
  if (outside !== undefined) {
    fail(kind, `block ${outside} does not exist; the model has blocks 0 to ${blocks - 1}.`);
  }
}

/**
 * Checks interventions and prepares them.
 * @param check throws for features that the model's engines cannot have
 * @throws UserError naming what is wrong
 */
export function planInterventions(
  interventions: readonly Intervention[],
  { sizes, check }: { readonly sizes: TrunkSizes; readonly check: (features: Features) => void },
): Plan {
  const gates = openGates(sizes.layers);
  const stages: Partial<Record<Site, number>> = {};
  const edits: BlockEdit[] = [];
  for (const intervention of interventions) {
    const { kind, layers } = intervention;
    checkBlocks(kind, layers, sizes.layers);
    switch (kind) {
      case 'bypass':
      case 'bypass_attention':
      case 'bypass_mlp':
        for (const block of layers) {
          if (kind !== 'bypass_mlp') gates.attention[block] = 0;
          if (kind !== 'bypass_attention') gates.mlp[block] = 0;
        }
        break;
      case 'add':
      case 'erase':
      case 'mean_ablation':
      case 'replace': {
        const site = intervention.site ?? 'residual';
        if (!SITES.includes(site)) fail(kind, `there is no site "${site}"; expected one of ${SITES.join(', ')}.`);
        const twice = layers.find((block, i) => layers.indexOf(block) < i);
        if (twice !== undefined) fail(kind, `block ${twice} is given twice; make two interventions of it.`);
        const stage = stages[site] ?? 0;
        stages[site] = stage + 1;
        check({ ...PLAIN, edits: stages });
        edits.push(editOf(intervention, site, stage, siteSize(sizes, site)));
        break;
      }
      default:
        throw new UserError('model', `There is no intervention "${String(kind)}".`);
    }
  }
  const constant = interventions.every(({ kind }) => kind !== 'replace');
  return { stages, constant, changes: (tokens) => ({ gates, edits: edits.flatMap((edit) => edit(tokens)) }) };
}

/** The places of tokens of sequences read from their start, padded to `width`. */
export function placesOf(
  sequences: readonly {
    readonly id: string;
    readonly ids: readonly number[];
    readonly promptTokens?: number;
    readonly sample?: number | null;
  }[],
  width: number,
): (TokenPlace | null)[] {
  return sequences.flatMap(({ id, ids, sample = null, promptTokens = ids.length }) =>
    Array.from({ length: width }, (_, position) =>
      position < ids.length ? { promptId: id, sample: position < promptTokens ? null : sample, position } : null,
    ),
  );
}
