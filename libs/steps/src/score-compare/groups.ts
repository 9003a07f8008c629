import type { COMPARED_BY } from '@sonde/formats';
import type { PairedTable } from './pairs.ts';

/** Some of the texts: row numbers over all tables, one below the other. */
export interface TextGroup {
  readonly by: (typeof COMPARED_BY)[number];
  readonly name: string;
  readonly rows: Int32Array;
}

/** All texts; those of each table, where there are several; those of each length, where texts are known. */
export function groupsOf(tables: readonly PairedTable[], lengths: readonly number[]): TextGroup[] {
  const total = tables.reduce((sum, { ids }) => sum + ids.length, 0);
  const groups: TextGroup[] = [{ by: 'all', name: 'all', rows: Int32Array.from({ length: total }, (_, row) => row) }];
  const edges = [0, ...[...lengths].sort((a, b) => a - b)];
  const byLength = edges.map((): number[] => []);
  let before = 0;
  for (const { name, ids, texts } of tables) {
    const first = before;
    if (tables.length > 1) {
      groups.push({ by: 'table', name, rows: Int32Array.from(ids, (_, row) => first + row) });
    }
    for (const [row, text] of (texts ?? []).entries()) {
      if (text !== undefined) byLength[edges.findLastIndex((edge) => wordsIn(text) >= edge)]!.push(first + row);
    }
    before += ids.length;
  }
  for (const [i, rows] of byLength.entries()) {
    if (rows.length > 0)
      groups.push({ by: 'length', name: rangeName(edges[i]!, edges[i + 1]), rows: Int32Array.from(rows) });
  }
  return groups;
}

function wordsIn(text: string): number {
  return text.match(/\S+/gu)?.length ?? 0;
}

function rangeName(from: number, next: number | undefined): string {
  if (next === undefined) return `${from} words or more`;
  return next - 1 === from ? `${from} words` : `${from}–${next - 1} words`;
}
