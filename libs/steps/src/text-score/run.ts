import type { RunContext } from '@sonde/executor';
import { openScorer, type Scorer, type ScorerKind, scoreBatches, scorerLabel, type TextRow } from '@sonde/scoring';
import {
  detectFormat,
  readParquetInfo,
  readTableParts,
  rows,
  selectColumns,
  type Table,
  writeParquetParts,
} from '@sonde/tables';
import { keepQuantized } from '../shared/model/kept-weights.ts';
import { oneTextARow } from '../shared/texts.ts';
import { openAnswers } from './answers.ts';
import { type KeepAnswers, writeAnswers } from './answers-table.ts';
import type { Config } from './config.ts';
import { kindOf } from './kind-of.ts';
import { ID_COLUMNS, partsOf, scoredPart } from './parts.ts';
import { type RowOutcome, rowOutcomes } from './row-outcomes.ts';
import { scoresRuntime } from './runtime.ts';
import { textSpill } from './spill.ts';

type Context = RunContext<Config>;

/** How many rows a table has; undefined where only reading it tells. */
async function rowCountOf(path: string): Promise<number | undefined> {
  return (await detectFormat(path)) === 'parquet' ? (await readParquetInfo(path)).rowCount : undefined;
}

/** `text/score`. */
export async function run(context: Context, kinds: readonly ScorerKind[]): Promise<void> {
  const { config, device, log } = context;
  const opening: Parameters<typeof openScorer>[1] = {
    device: device.provider,
    threads: device.threads,
    log,
    keepQuantized: (checkpoint) => keepQuantized(() => context, checkpoint),
    async *rows({ path }, columns) {
      for await (const part of readTableParts(path, columns ? { columns } : {})) yield [...rows(part)];
    },
    async columnsOf({ path }) {
      for await (const part of readTableParts(path)) return part.columns.map(({ name }) => name);
      return [];
    },
  };
  const scorer = await openScorer(config.scorer, opening, kinds);
  try {
    if (scorer.columns !== undefined) await scoreRows(scorer, scorer.columns, context);
    else await scoreOnce(scorer, context, kinds);
  } finally {
    await scorer.close?.();
  }
}

/** What is said of a row without a text, which no scorer is asked about: none is another thing than an empty one. */
const NO_TEXT: RowOutcome = { outcome: 'no_text', scores: [] };

function textsOf(part: Table, { config }: Context): readonly (string | null)[] {
  return oneTextARow(part, config.column, config.texts.ref ?? '`texts`');
}

/** Each row for itself, by a scorer that reads other columns too. */
async function scoreRows(scorer: Scorer, columns: readonly string[], context: Context): Promise<void> {
  const { config, output, progress, signal } = context;
  const total = await rowCountOf(config.texts.path);
  const own = [...new Set([config.column, ...columns])];
  let done = 0;
  await writeParquetParts(output('scores'), async (append) => {
    for await (const part of partsOf(config.texts.path, own, ID_COLUMNS)) {
      const texts = textsOf(part, context);
      const there = [...texts.keys()].filter((row) => texts[row] !== null);
      const all = [...rows(selectColumns(part, [...columns]))] as TextRow[];
      const asked = there.map((row) => texts[row]!);
      const besides = there.map((row) => all[row]!);
      const outcomes: RowOutcome[] = texts.map(() => NO_TEXT);
      let at = 0;
      for await (const batch of scoreBatches(scorer, asked, { rows: besides, signal })) {
        for (const said of batch) {
          outcomes[there[at++]!] = { outcome: said.outcome, scores: 'scores' in said ? said.scores : [] };
        }
        progress(done + at, total ?? done + texts.length, 'texts');
      }
      done += texts.length;
      await append(scoredPart(part, texts, outcomes, scorer.attributes, scorerLabel(scorer.identity)));
    }
  });
}

/** Each distinct text once: texts are sorted by their digests on the disk, scored, and joined to their rows again. */
async function scoreOnce(scorer: Scorer, context: Context, kinds: readonly ScorerKind[]): Promise<void> {
  const { config, scratch, output, progress, log, signal, memory } = context;
  const { path } = config.texts;
  const spill = textSpill(scratch);
  const outcomes = rowOutcomes(scratch, scorer.attributes.length);
  let [total, missing] = [0, 0];
  for await (const part of partsOf(path, [config.column], [])) {
    signal.throwIfAborted();
    for (const text of textsOf(part, context)) {
      const row = total++;
      if (text !== null) await spill.add(row, text);
      else {
        await outcomes.put(row, NO_TEXT);
        missing++;
      }
    }
  }
  const answers = await openAnswers(scorer, {
    memory,
    runtime: scoresRuntime(config, kinds, context.device.provider),
    signal,
    log,
  });
  const scoreAll = async (keep?: KeepAnswers): Promise<void> => {
    let done = missing;
    for await (const { texts, rows, count } of spill.rounds()) {
      // What of a round's distinct texts is done stands for as much of its rows.
      const found = await answers.of(texts, (known) =>
        progress(done + Math.floor((count * known) / texts.size), total, 'texts'),
      );
      await keep?.(texts, found);
      for (const [digest, same] of rows) for (const row of same) await outcomes.put(row, found.get(digest)!);
      done += count;
      progress(done, total, 'texts');
    }
  };
  try {
    if (kindOf(config, kinds)?.keepsAnswers) await writeAnswers(output('answers'), scorer, scoreAll);
    else await scoreAll();
  } finally {
    await answers.close();
  }
  let start = 0;
  await writeParquetParts(output('scores'), async (append) => {
    for await (const part of partsOf(path, [config.column], ID_COLUMNS)) {
      signal.throwIfAborted();
      const scored = await outcomes.get(start, start + part.rowCount);
      start += part.rowCount;
      await append(scoredPart(part, textsOf(part, context), scored, scorer.attributes, scorerLabel(scorer.identity)));
    }
  });
}
