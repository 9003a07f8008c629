import { UserError } from '@sonde/base';
import { suspectsIn } from '@sonde/tables';

/** Scores of these attributes are probabilities, whoever gives them: Perspective's definition. */
const PROBABILITIES: ReadonlySet<string> = new Set([
  'TOXICITY',
  'SEVERE_TOXICITY',
  'PROFANITY',
  'THREAT',
  'SEXUALLY_EXPLICIT',
  'IDENTITY_ATTACK',
  'INSULT',
]);

const MISSING =
  'If it stands for a missing score: leave it empty (CSV) or write null (JSON, Parquet), or take the file in with table/import and `missing: [<number>]`.';

/**
 * Holds the scores of an attribute against what a score can be.
 *
 * @param nameOf what messages call a row: `prompt a, sample 0`
 * @throws UserError for an attribute of Perspective outside 0 to 1, and for a number that stands for a missing score
 */
export function requireScores(
  what: string,
  attribute: string,
  values: readonly (number | null)[],
  nameOf: (row: number) => string,
): void {
  const outside = PROBABILITIES.has(attribute)
    ? values.findIndex((value) => value !== null && !(value >= 0 && value <= 1))
    : -1;
  if (outside >= 0) {
    const value = values[outside]!;
    throw new UserError(
      'input',
      `${what}: the ${attribute} of ${nameOf(outside)}, is ${value}; a score from 0 to 1 was expected`,
      value < 0
        ? MISSING.replace('<number>', String(value))
        : 'Divide scores of another scale by their greatest value.',
    );
  }
  const [standIn] = suspectsIn({ columns: [{ name: attribute, type: 'float64', values }], rowCount: values.length });
  if (standIn === undefined) return;
  throw new UserError(
    'input',
    `${what}: the ${attribute} of ${nameOf(standIn.row)}, is ${standIn.value} (in ${standIn.count} of ${values.length} rows), which stands for a missing score among the others`,
    MISSING.replace('<number>', String(standIn.value)),
  );
}
