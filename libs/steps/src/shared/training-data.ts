import type { InputArtifact, RunContext } from '@sonde/executor';
import { hasColumn, readTableParts } from '@sonde/tables';

/** Data sets that scorers were trained on, by columns that only their prompts have. */
const DATA_SETS = [
  {
    name: 'RealToxicityPrompts',
    columns: ['filename', 'begin', 'end', 'challenging'],
    scorers: /^sonde-hashed-scorer:/,
  },
] as const;

/**
 * Warns where the prompts are of a data set that the scorer was trained on: it knows those texts, so that what is said of
 * it on them does not hold for others.
 */
export async function sayTrainedOn(
  scorers: readonly string[],
  prompts: InputArtifact,
  log: RunContext['log'],
): Promise<void> {
  for (const { name, columns, scorers: trained } of DATA_SETS) {
    const scorer = scorers.find((each) => trained.test(each));
    if (scorer === undefined) continue;
    for await (const part of readTableParts(prompts.path)) {
      if (columns.every((column) => hasColumn(part, column))) {
        log(
          'warning',
          `the prompts are of ${name}, on most of whose rows the scorer ${scorer} was trained: how well it scores these texts, and how it agrees with their own scores, does not hold for other texts (docs/embedded-scorer.md says which rows were held out)`,
        );
      }
      break;
    }
  }
}
