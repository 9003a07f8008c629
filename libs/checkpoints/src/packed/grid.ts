import { UserError } from '@sonde/base';
import type { Weight } from '../checkpoint.ts';

/** Of a scale for each block of a weight [out, in]: rows and columns of a block, and how many blocks a row of them has. */
export interface Grid {
  readonly rows: number;
  readonly columns: number;
  readonly across: number;
}

/**
 * How scales lie over a weight: one for all, one for each row ([out] or [out, 1]), or one for each block.
 * @param block rows and columns of a block, as config.json says; null: it says nothing of blocks
 * @throws UserError if the scales are for another weight
 */
export function gridOf(
  scales: Weight,
  name: string,
  [output, input]: readonly [number, number],
  block: readonly [number, number] | null,
): Grid {
  const { shape } = scales.info;
  const is = (...sizes: number[]) => shape.length === sizes.length && sizes.every((size, i) => size === shape[i]);
  if (block) {
    const [rows, columns] = block;
    const across = Math.ceil(input / columns);
    if (is(Math.ceil(output / rows), across)) return { rows, columns, across };
  } else {
    if (shape.reduce((product, size) => product * size, 1) === 1) return { rows: output, columns: input, across: 1 };
    if (is(output) || is(output, 1)) return { rows: 1, columns: input, across: 1 };
  }
  const blocks = block ? `, by blocks of [${block.join(', ')}]` : '';
  throw new UserError(
    'model',
    `${scales.file.path}: "${name}" has shape [${shape.join(', ')}], which is not that of scales for a weight [${output}, ${input}]${blocks}.`,
  );
}

/**
 * Makes numbers of the codes of a weight's rows, in place: (code − zero) · scale.
 * @param values codes of the rows from `first` on
 * @param columns how many a row has
 * @param zeros one for each scale; null: all are 0
 */
export function applyScales(
  values: Float32Array,
  first: number,
  columns: number,
  grid: Grid,
  scales: Float32Array,
  zeros: Float32Array | null,
): void {
  for (let start = 0, row = first; start < values.length; start += columns, row++) {
    let block = Math.floor(row / grid.rows) * grid.across;
    for (let column = 0; column < columns; column += grid.columns, block++) {
      const end = start + Math.min(columns, column + grid.columns);
      const [scale, zero] = [scales[block]!, zeros?.[block] ?? 0];
      for (let i = start + column; i < end; i++) values[i] = (values[i]! - zero) * scale;
    }
  }
}
