import { stat } from 'node:fs/promises';
import { UserError } from '@sonde/base';
import type { Intervention, ModelConfig, Site, TokenPlace } from '@sonde/engine';
import type { InputArtifact } from '@sonde/executor';
import { openProbeWeights, openStates, type ProbeWeights, type StatesFile, sitesOf } from '@sonde/formats';
import { randomOfEqualLength } from '@sonde/probing';
import { openSafetensors, readFloat32 } from '@sonde/tensors';
import { promptIds } from './model-prompts.ts';
import type { InterventionConfig } from './schemas.ts';

function fail(kind: string, message: string): never {
  throw new UserError('config', `intervention ${kind}: ${message}`);
}

function listed(names: readonly string[]): string {
  return names.length > 12 ? `${names.slice(0, 12).join(', ')}, … (${names.length})` : names.join(', ');
}

function named(artifact: InputArtifact): string {
  return artifact.ref ?? '`from`';
}

async function isFolder({ path }: InputArtifact): Promise<boolean> {
  return (await stat(path)).isDirectory();
}

/**
 * Where a block's state is on the layer axis. The last layer of `residual` states lies behind the final norm, in another
 * space than the stream that an intervention changes.
 */
function layerIndex(kind: string, layers: readonly number[], block: number, raw: boolean, blocks: number): number {
  if (block === blocks - 1 && !raw) {
    fail(
      kind,
      `block ${block} is the last one, whose residual states are stored after the final norm; capture the site residual_raw and use that`,
    );
  }
  const index = layers.indexOf(block + 1);
  if (index < 0) {
    fail(kind, `block ${block} needs layer ${block + 1}, which \`from\` does not have (it has ${layers.join(', ')})`);
  }
  return index;
}

/** The states of an artifact at an intervention's site, raw where the artifact has them so. */
async function statesAt(artifact: InputArtifact, site: Site): Promise<{ file: StatesFile; raw: boolean }> {
  if (site !== 'residual') return { file: await openStates(artifact.path, site), raw: true };
  const raw = (await sitesOf(artifact.path)).has('residual_raw');
  return { file: await openStates(artifact.path, raw ? 'residual_raw' : 'residual'), raw };
}

/** The mean of the states of a pool, or of all single tokens in that span, for each block: [size] each. */
async function meansOf(config: InterventionConfig, artifact: InputArtifact, blocks: number): Promise<Float32Array[]> {
  const { kind, layers, site = 'residual', span = 'prompt' } = config;
  if (!(await isFolder(artifact))) return fail(kind, `${named(artifact)} is not an artifact of states`);
  const { file, raw } = await statesAt(artifact, site);
  const rows = file.rowsOf(span);
  if (rows.length === 0) return fail(kind, `${named(artifact)} has no states pooled over ${span}`);
  const means: Float32Array[] = [];
  for (const block of layers) {
    const states = await file.layerStates(rows, layerIndex(kind, file.layers, block, raw, blocks));
    const sums = new Float64Array(file.hiddenSize);
    states.forEach((value, i) => {
      sums[i % file.hiddenSize]! += value;
    });
    means.push(Float32Array.from(sums, (sum) => sum / rows.length));
  }
  return means;
}

/** The weights of probes: for each block, a vector for each target. */
async function probeVectors(
  config: InterventionConfig,
  artifact: InputArtifact,
  probes: ProbeWeights,
  blocks: number,
): Promise<Float32Array[][]> {
  const { kind, layers, scenario, targets: asked, site = 'residual' } = config;
  const scenarios = Object.keys(probes.targets);
  const chosen = scenario ?? (scenarios.length === 1 ? scenarios[0]! : undefined);
  if (chosen === undefined || !scenarios.includes(chosen)) {
    return fail(kind, `\`scenario\` must say which probes of ${named(artifact)} are meant: ${scenarios.join(', ')}`);
  }
  const targets = probes.targets[chosen]!;
  const strange = asked?.find((name) => !targets.includes(name));
  if (strange !== undefined) return fail(kind, `there is no probe for ${strange}; there are ${targets.join(', ')}`);
  if (probes.site !== site && !(probes.site === 'residual_raw' && site === 'residual')) {
    return fail(kind, `the probes read the site ${probes.site}, but the intervention is at ${site}`);
  }
  const vectorOf = await probes.vectors(chosen, config.vectors);
  return layers.map((block) => {
    const index = layerIndex(kind, probes.layers, block, probes.site !== 'residual', blocks);
    return (asked ?? targets).map((target) => {
      const vector = vectorOf(target, index);
      if (vector.every((value) => value === 0)) {
        fail(kind, `the probe for ${target} in layer ${block + 1} could not be fitted, so it has no direction`);
      }
      return vector;
    });
  });
}

/** Vectors of a safetensors file: [size] for all blocks, [blocks, size], or [blocks, any, size]. */
async function fileVectors(config: InterventionConfig, artifact: InputArtifact): Promise<Float32Array[][]> {
  const { kind, layers, tensor } = config;
  const file = await openSafetensors(artifact.path);
  const names = [...file.tensors.keys()];
  const name = tensor ?? (names.length === 1 ? names[0]! : undefined);
  if (name === undefined || !file.tensors.has(name)) {
    return fail(kind, `\`tensor\` must say which tensor of ${named(artifact)} is meant: ${listed(names)}`);
  }
  const { data, shape } = await readFloat32(file, name);
  const size = shape.at(-1)!;
  if (shape.length === 1) return layers.map(() => [data]);
  if (shape.length > 3 || shape[0] !== layers.length) {
    return fail(
      kind,
      `tensor ${name} has the shape [${shape.join(', ')}]; expected [size], or a first axis of ${layers.length}, one for each block`,
    );
  }
  const perBlock = data.length / layers.length;
  return layers.map((_, i) =>
    Array.from({ length: perBlock / size }, (__, k) =>
      data.slice(i * perBlock + k * size, i * perBlock + (k + 1) * size),
    ),
  );
}

/** For each block, the vectors that `from:` (less `minus:`) names. */
async function vectorsOf(config: InterventionConfig, blocks: number, place: number): Promise<Float32Array[][]> {
  const { random } = config;
  const vectors = await namedVectors(config, blocks);
  if (random === undefined) return vectors;
  return vectors.map((each, i) =>
    each.map((vector, k) => randomOfEqualLength(vector, random, `${place}/${config.layers[i]}/${k}`)),
  );
}

async function namedVectors(config: InterventionConfig, blocks: number): Promise<Float32Array[][]> {
  const { kind, from, minus } = config;
  const artifact = from ?? fail(kind, '`from` is missing');
  if (await isFolder(artifact)) {
    const means = await meansOf(config, artifact, blocks);
    const others = minus && (await meansOf(config, minus, blocks));
    return means.map((mean, i) => [others ? mean.map((value, j) => value - others[i]![j]!) : mean]);
  }
  if (minus !== undefined) return fail(kind, '`minus` needs states in `from`');
  const probes = await openProbeWeights(artifact.path);
  return probes === undefined ? fileVectors(config, artifact) : probeVectors(config, artifact, probes, blocks);
}

/** Finds another run's states by prompt, sample and position. */
async function replacement(
  config: InterventionConfig,
  prompts: InputArtifact,
  blocks: number,
): Promise<(token: TokenPlace) => readonly Float32Array[] | null> {
  const { kind, from, layers, site = 'residual' } = config;
  const artifact = from ?? fail(kind, '`from` is missing');
  const found = (await isFolder(artifact)) ? await statesAt(artifact, site) : undefined;
  const { file, raw } = found ?? fail(kind, `${named(artifact)} is not an artifact of states`);
  if (file.tokens.length === 0) {
    fail(kind, `${named(artifact)} has pooled states only; capture them with \`pool: [tokens]\``);
  }
  const ids = await promptIds(prompts);
  if (!file.tokens.some(({ promptId }) => ids.has(promptId))) {
    fail(
      kind,
      `${named(artifact)} has states of none of these prompts, so nothing would be replaced; states are found by \`prompt_id\`, \`sample\` and position (it has prompt ${file.tokens[0]!.promptId}, for one)`,
    );
  }
  const states: Float32Array[] = [];
  for (const block of layers) {
    states.push(await file.layerStates(file.tokens, layerIndex(kind, file.layers, block, raw, blocks)));
  }
  const key = ({ promptId, sample, position }: TokenPlace): string => `${position} ${sample} ${promptId}`;
  const rows = new Map(file.tokens.map((token, row) => [key(token), row]));
  return (token) => {
    const row = rows.get(key(token));
    if (row === undefined) return null;
    return states.map((of) => of.subarray(row * file.hiddenSize, (row + 1) * file.hiddenSize));
  };
}

function single(kind: string, vectors: readonly Float32Array[][]): Float32Array[] {
  return vectors.map((each) => {
    if (each.length !== 1) fail(kind, `${each.length} vectors are given for a block; \`targets\` must name one`);
    return each[0]!;
  });
}

/** The interventions of a step with the vectors that its artifacts hold. @throws UserError naming what does not fit */
export async function interventionsOf(
  config: { readonly interventions: readonly InterventionConfig[]; readonly prompts: InputArtifact },
  { layers: blocks }: ModelConfig,
): Promise<readonly Intervention[]> {
  const interventions: Intervention[] = [];
  for (const [place, each] of config.interventions.entries()) {
    const { kind, layers, scale = 1 } = each;
    const at = { layers, ...(each.site && { site: each.site }) };
    const outside = layers.find((block) => block >= blocks);
    if (outside !== undefined) fail(kind, `block ${outside} does not exist; the model has blocks 0 to ${blocks - 1}`);
    switch (kind) {
      case 'add': {
        const vectors = single(kind, await vectorsOf(each, blocks, place));
        interventions.push({ kind, ...at, vectors: vectors.map((vector) => vector.map((value) => scale * value)) });
        break;
      }
      case 'mean_ablation':
        interventions.push({ kind, ...at, vectors: single(kind, await vectorsOf(each, blocks, place)) });
        break;
      case 'erase':
        interventions.push({ kind, ...at, directions: await vectorsOf(each, blocks, place) });
        break;
      case 'replace':
        interventions.push({ kind, ...at, stateOf: await replacement(each, config.prompts, blocks) });
        break;
      default:
        interventions.push({ kind, layers });
    }
  }
  return interventions;
}
