import { rankOf } from '@sonde/numerics';
import { wordsOf } from '../baselines.ts';

/**
 * The control task of Hewitt and Liang 2019, "Designing and interpreting probes with control tasks", for one number a
 * text: every word type has a random value, drawn from the target's own scores, and a text has the value of one of its
 * types. A probe can reach it only by remembering words, so its score there measures the probe's capacity; it is no
 * measure of chance, which is what permuted labels are for.
 *
 * A text takes the type of lowest rank among those that occur in some other text, too: a common one decides many
 * texts, so that there is something to be learnt.
 *
 * @param texts [n]: the text that each row's state is of
 * @param values [n]: the target's scores; NaN where missing
 * @returns [n]: the scores of the control task; NaN where the score is missing or no type recurs in the text
 */
export function controlTask(texts: readonly string[], values: Float64Array, seed: number): Float64Array {
  const typesOf = new Map<string, Set<string>>();
  for (const text of texts) if (!typesOf.has(text)) typesOf.set(text, new Set(wordsOf(text)));
  const textsWith = new Map<string, number>();
  for (const types of typesOf.values()) {
    for (const type of types) textsWith.set(type, (textsWith.get(type) ?? 0) + 1);
  }
  const scores = values.filter((value) => !Number.isNaN(value)).sort();
  const recurring = [...textsWith].flatMap(([type, count]) => (count > 1 ? [type] : []));
  const rankOfType = new Map(recurring.map((type) => [type, rankOf(seed, `control-task/order/${type}`)]));
  const valueOfType = (type: string): number => {
    const share = Number.parseInt(rankOf(seed, `control-task/value/${type}`).slice(0, 8), 16) / 0x100000000;
    return scores[Math.floor(share * scores.length)]!;
  };
  const labelOf = new Map<string, number>();
  for (const [text, types] of typesOf) {
    let chosen: string | undefined;
    for (const type of types) {
      const rank = rankOfType.get(type);
      if (rank !== undefined && (chosen === undefined || rank < rankOfType.get(chosen)!)) chosen = type;
    }
    labelOf.set(text, chosen === undefined || scores.length === 0 ? Number.NaN : valueOfType(chosen));
  }
  return values.map((value, row) => (Number.isNaN(value) ? Number.NaN : labelOf.get(texts[row]!)!));
}
