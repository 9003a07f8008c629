import { rankOf } from '@sonde/numerics';
import { wordsOf } from '../baselines.ts';

/** A control task among some rows, those with a score: for each row [n], the one whose score it is given; −1 for others. */
export type ControlTask = (rows: Int32Array) => Int32Array;

/**
 * Control tasks of Hewitt and Liang 2019, "Designing and interpreting probes with control tasks", for one score a
 * text: every word type has the score of a row drawn at random, and a text has the score of one of its types. A probe can
 * reach it only by remembering words, so its score there measures the probe's capacity; it is no measure of chance, which
 * is what permuted labels are for.
 *
 * A text takes the type of lowest rank among those that occur in some other text, too: a common one decides many
 * texts, so that there is something to be learnt. Texts without such a type have one score together.
 *
 * @param texts [n]: the text that each row's state is of
 * @returns the task that a seed draws; of the same seed every target has the same types and rows
 */
export function controlTasks(texts: readonly string[]): (seed: number) => ControlTask {
  const typesOf = new Map<string, Set<string>>();
  for (const text of texts) if (!typesOf.has(text)) typesOf.set(text, new Set(wordsOf(text)));
  const textsWith = new Map<string, number>();
  for (const types of typesOf.values()) {
    for (const type of types) textsWith.set(type, (textsWith.get(type) ?? 0) + 1);
  }
  const recurring = [...textsWith].flatMap(([type, count]) => (count > 1 ? [type] : []));
  const places = new Map(recurring.map((type, place) => [type, place]));
  const placesOf = new Map<string, Int32Array>();
  for (const [text, types] of typesOf) {
    placesOf.set(text, Int32Array.from([...types].flatMap((type) => places.get(type) ?? [])));
  }

  return (seed) => {
    const ranks = ranked(recurring.map((type) => rankOf(seed, `control-task/order/${type}`)));
    const shareOf = (type: string) => {
      return Number.parseInt(rankOf(seed, `control-task/value/${type}`).slice(0, 8), 16) / 0x100000000;
    };
    const shares = Float64Array.from(recurring, shareOf);
    const shareWithout = shareOf('');
    const shareOfText = new Map<string, number>();
    for (const [text, own] of placesOf) {
      const first = own.reduce((best, place) => (best === -1 || ranks[place]! < ranks[best]! ? place : best), -1);
      shareOfText.set(text, first === -1 ? shareWithout : shares[first]!);
    }
    const drawn = Float64Array.from(texts, (text) => shareOfText.get(text)!);
    return (rows) => {
      const sources = new Int32Array(texts.length).fill(-1);
      for (const row of rows) sources[row] = rows[Math.floor(drawn[row]! * rows.length)]!;
      return sources;
    };
  };
}

/** The place of each text in their order. */
function ranked(texts: readonly string[]): Int32Array {
  const order = [...texts.keys()].sort((a, b) => (texts[a]! < texts[b]! ? -1 : 1));
  const ranks = new Int32Array(texts.length);
  for (const [rank, place] of order.entries()) ranks[place] = rank;
  return ranks;
}
