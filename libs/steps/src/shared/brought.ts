import type { InputArtifact, RunContext } from '@sonde/executor';
import { readTable, type Table } from '@sonde/tables';
import { type Missing, missingRule, refuseSuspects } from './missing.ts';

interface Reading {
  /** Only these columns, in their order. */
  readonly columns?: readonly string[];
  /** What stands for a missing value. */
  readonly missing?: Missing;
}

/**
 * Reads a file as people bring it: what stands for a missing value in it is null where `missing` names it, and refused
 * where it does not.
 *
 * @throws UserError as `readTable`, and for what looks like a missing value
 */
export async function readBrought(
  source: InputArtifact,
  { columns, missing }: Reading,
  log: RunContext['log'],
): Promise<Table> {
  const rule = missing && missingRule(missing);
  const table = await readTable(source.path, {
    ...(columns && { columns }),
    ...(rule && { isMissing: rule.isMissing }),
  });
  rule?.sayUnused(log);
  refuseSuspects(table, fileOf(source), missing, log);
  return table;
}

/** Reads the output of a step as it is, and a file as one that somebody brings. @throws UserError as `readBrought` */
export async function readAny(source: InputArtifact, log: RunContext['log']): Promise<Table> {
  const table = await readTable(source.path);
  if (source.ref !== undefined) refuseSuspects(table, fileOf(source), undefined, log, ' with table/import');
  return table;
}

function fileOf({ ref, path }: InputArtifact): string {
  return ref ?? path;
}
