import { stat } from 'node:fs/promises';
import path from 'node:path';
import { groupBy, UserError } from '@sonde/base';
import { openSafetensors, readFloat32At, readFloat32AtSync, type SafetensorsFile } from '@sonde/tensors';
import { type Pool, SITES, STATES_INDEX, type StateSite } from '../columns/states.ts';
import { readRows } from '../rows-read.ts';
import { INDEX_FILE, metadataKey, type StateRow, TENSOR_FILE, tensorOf } from './layout.ts';

/** A row of states and where it lies. */
export type FoundRow = StateRow & { readonly row: number };

export interface StatesShape {
  /** States of a layer: pooled ones, and those of single tokens. */
  readonly rows: number;
  /** The layer numbers of the tensor's second axis. */
  readonly layers: readonly number[];
  /** Numbers of a state: d, or heads · head size. */
  readonly hiddenSize: number;
}

/** The states of one site, as what comes after reads them. */
export interface StatesFile extends Pick<StatesShape, 'layers' | 'hiddenSize'> {
  /** Row numbers of a pool in the tensor, and whose they are. */
  rowsOf(span: Pool): readonly FoundRow[];
  /** Row numbers of single tokens, where every token was kept. */
  readonly tokens: readonly (FoundRow & { readonly position: number })[];
  /** The states of some rows at one position of the layer axis: [rows, size]. */
  layerStates(rows: readonly { readonly row: number }[], layerIndex: number): Promise<Float32Array>;
  /** The same a few at a time, for what need not be in memory whole: `of` counts in `rows`. */
  layerRows(rows: readonly { readonly row: number }[], layerIndex: number, of: Int32Array): Float32Array;
}

/** The sites that an artifact of states has. @throws UserError if it is none */
export async function sitesOf(folder: string): Promise<ReadonlySet<StateSite>> {
  return presentSites(await openTensors(folder));
}

/** How large the states of one site are. @throws UserError if it is no artifact of states or lacks the site */
export async function statesShape(folder: string, site: StateSite = 'residual'): Promise<StatesShape> {
  return shapeOf(folder, await openTensors(folder), site);
}

/** Opens an artifact of states, at one of its sites. @throws UserError if it is not one or lacks the site */
export async function openStates(folder: string, site: StateSite = 'residual'): Promise<StatesFile> {
  const file = await openTensors(folder);
  const index = await readRows(path.join(folder, INDEX_FILE), STATES_INDEX, {
    columns: ['prompt_id', 'sample', 'span', 'position'],
  });
  const shape = shapeOf(folder, file, site);
  if (shape.rows !== index.length) {
    throw new UserError('input', `${folder} is not an artifact of states: the tensor and its row index do not fit`);
  }
  const rows = index.map(({ prompt_id, sample, span, position = null }, row) => ({
    span,
    position,
    found: { row, promptId: prompt_id, sample },
  }));
  const pooled = groupBy(
    rows.filter(({ position }) => position === null),
    ({ span }) => span,
  );
  return {
    layers: shape.layers,
    hiddenSize: shape.hiddenSize,
    rowsOf: (span) => (pooled.get(span) ?? []).map(({ found }) => found),
    tokens: rows.flatMap(({ position, found }) => (position === null ? [] : [{ ...found, position }])),
    layerStates: (rows, layerIndex) =>
      readFloat32At(
        file,
        tensorOf(site),
        rows.map(({ row }) => row),
        layerIndex,
      ),
    layerRows: (rows, layerIndex, of) =>
      readFloat32AtSync(
        file,
        tensorOf(site),
        Int32Array.from(of, (place) => rows[place]!.row),
        layerIndex,
      ),
  };
}

async function openTensors(folder: string): Promise<SafetensorsFile> {
  const file = path.join(folder, TENSOR_FILE);
  const found = await stat(file).catch(() => undefined);
  if (found?.isFile() !== true)
    throw new UserError('input', `${folder} is not an artifact of states: it has no ${TENSOR_FILE}`);
  return openSafetensors(file);
}

function presentSites(file: SafetensorsFile): Set<StateSite> {
  const sites = Object.keys(SITES) as StateSite[];
  return new Set(sites.filter((site) => file.tensors.has(tensorOf(site))));
}

function shapeOf(folder: string, file: SafetensorsFile, site: StateSite): StatesShape {
  const tensor = file.tensors.get(tensorOf(site));
  if (tensor === undefined) {
    const found = [...presentSites(file)].join(', ') || 'none';
    throw new UserError('input', `the states have no site ${site}; they have ${found}`);
  }
  if (tensor.shape.length < 3) {
    throw new UserError('input', `${folder} is not an artifact of states: its tensor has no axis of layers`);
  }
  const [rows, layerCount, ...rest] = tensor.shape as [number, number, ...number[]];
  const layers = file.metadata[metadataKey('layers', site)];
  return {
    rows,
    layers: layers === undefined ? Array.from({ length: layerCount }, (_, i) => i) : (JSON.parse(layers) as number[]),
    hiddenSize: rest.reduce((product, each) => product * each, 1),
  };
}
