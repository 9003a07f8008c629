import type { InputArtifact, RunContext } from '@sonde/executor';
import { column, hasColumn, readTableParts } from '@sonde/tables';

/** Data sets that scorers were trained on: how their rows are known, and the digests of the scorers as tables have them. */
const DATA_SETS = [
  {
    name: 'RealToxicityPrompts',
    columns: ['filename', 'begin', 'end', 'challenging'],
    /** The file of OpenWebText that a row was cut from. */
    filename: /^\d{7}-[0-9a-f]{32}\.txt$/,
    /** Whatever a person calls them. */
    digests: ['0adbe7016882'],
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
  for (const { name, columns, filename, digests } of DATA_SETS) {
    const scorer = scorers.find((each) => digests.some((digest) => each.endsWith(`:${digest}`)));
    if (scorer === undefined) continue;
    for await (const part of readTableParts(prompts.path)) {
      const isOfSet = columns.every((each) => hasColumn(part, each));
      if (isOfSet && column(part, 'filename').values.some((value) => filename.test(String(value)))) {
        log(
          'warning',
          `the prompts are of ${name}, on most of whose rows the scorer ${scorer} was trained: how well it scores these texts, and how it agrees with their own scores, does not hold for other texts (docs/embedded-scorer.md says which rows were held out)`,
        );
      }
      break;
    }
  }
}
