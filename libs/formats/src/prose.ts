import type { ColumnSpec, TableFormat, TensorsFormat } from './column.ts';

/** `float64 or null`, `list of int32`. */
export function typeProse({ type, nullable }: ColumnSpec): string {
  const name = type === 'list<int32>' ? 'list of int32' : type;
  return nullable === true ? `${name} or null` : name;
}

/** What a column means, the words that it may hold, and when it is there. */
export function meaningProse({ what, words, only }: ColumnSpec): string {
  const listed = words === undefined ? '' : `: ${words.map((word) => `\`${word}\``).join(', ')}`;
  return `${what}${listed}${only === undefined ? '' : `; only ${only}`}`;
}

/** What a table is, and a line for each column. @param more what else there is to say of it here */
export function tableProse({ what, columns }: TableFormat, more?: string): string {
  const lines = Object.entries(columns).map(([name, spec]) => `\`${name}\`: ${typeProse(spec)}; ${meaningProse(spec)}`);
  return [sentences(what, more), ...lines].join('\n');
}

/** What an artifact of tensors is, a line for each tensor, and the columns of its row index. */
export function tensorsProse({ what, tensors, index }: TensorsFormat, more?: string): string {
  const lines = tensors.map(({ name, shape, what: meaning }) => `\`${name}\` ${shape}: ${meaning}`);
  return [sentences(what, more), ...lines, ...(index === undefined ? [] : [tableProse(index)])].join('\n');
}

function sentences(what: string, more: string | undefined): string {
  return more === undefined ? what : `${what} ${more}`;
}
