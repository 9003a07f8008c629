import { UserError } from '@sonde/base';
import type { RunContext } from '@sonde/executor';
import type { Config, Strata } from './config.ts';
import { digest } from './ids.ts';
import type { Source } from './source.ts';

/** The rows of the source that make the sample, in its order. */
export function sample(config: Config, source: Source, log: RunContext['log']): readonly number[] {
  const rows = rowsWithText(source, log);
  const { count, strata } = config;
  if (strata !== undefined) return sampleStrata(config, strata, rows, source, log);
  if (count === 'all') return rows;
  if (count > rows.length) {
    const without = source.texts.length - rows.length;
    throw new UserError(
      'input',
      `${count} prompts were asked for, but the source has ${rows.length}${without > 0 ? ` (and ${without} rows without a text)` : ''}`,
      'Use a smaller `count`, or `all`.',
    );
  }
  return [...rows].sort(drawOrder(config.seed, source)).slice(0, count);
}

function rowsWithText({ texts, ids }: Source, log: RunContext['log']): number[] {
  const rows = [...texts.keys()].filter((row) => (texts[row] ?? '').trim() !== '');
  const without = [...texts.keys()].filter((row) => (texts[row] ?? '').trim() === '');
  if (without.length > 0) {
    const some = without.slice(0, 2).map((row) => ids[row]);
    const more = without.length > some.length ? ', …' : '';
    log(
      'warning',
      `${without.length} of ${texts.length} rows have no text and were left out (${some.join(', ')}${more})`,
    );
  }
  const repeats = rows.length - new Set(rows.map((row) => texts[row])).size;
  if (repeats > 0) {
    const repeat = `${repeats} of ${texts.length} rows ${repeats === 1 ? 'repeats' : 'repeat'} the text of another`;
    log('warning', `${repeat}; each is kept as a prompt of its own`);
  }
  return rows;
}

/** Compares rows by hash(seed, id or text): an order that rows that are added do not change. */
function drawOrder(seed: number, { drawnBy }: Source): (a: number, b: number) => number {
  const keys = drawnBy.map((name) => digest(`${seed}\n${name}`));
  return (a, b) => (keys[a]! < keys[b]! ? -1 : 1);
}

/** Of a number, each stratum's rows are spread over the order by its share: a larger sample begins with the smaller. */
function sampleStrata(
  { count, seed }: Config,
  chosen: Strata,
  rows: readonly number[],
  source: Source,
  log: RunContext['log'],
): readonly number[] {
  const { attribute } = chosen;
  const edges = [...chosen.edges].sort((a, b) => a - b);
  const scores = source.scores.find((each) => each.attribute === attribute)?.values;
  if (scores === undefined) throw new UserError('input', `the source has no scores of ${attribute} to form strata by`);
  const scored = rows.filter((row) => !Number.isNaN(scores[row]!));
  if (scored.length < rows.length) {
    const without = `${rows.length - scored.length} of ${rows.length} prompts`;
    log('warning', `${without} have no score of ${attribute}, so they lie in no stratum and were left out`);
  }
  if (count === 'all') return scored;
  const strata: number[][] = [...edges, 1].map(() => []);
  for (const row of scored) strata[edges.filter((edge) => scores[row]! >= edge).length]!.push(row);
  const shares = chosen.shares ?? strata.map(() => 1 / strata.length);
  for (const [s, members] of strata.entries()) {
    const wanted = Math.floor(shares[s]! * count);
    if (members.length >= wanted) continue;
    throw new UserError(
      'input',
      `stratum ${s} (${attribute} from ${edges[s - 1] ?? 0} to ${edges[s] ?? 1}) has ${members.length} prompts, but ${wanted} are needed for ${count} in all`,
      'Use a smaller `count`, or other `shares`.',
    );
  }
  const compare = drawOrder(seed, source);
  return strata
    .flatMap((members, s) =>
      shares[s] === 0 ? [] : members.sort(compare).map((row, i) => ({ row, place: (i + 0.5) / shares[s]! })),
    )
    .sort((a, b) => a.place - b.place || compare(a.row, b.row))
    .map(({ row }) => row)
    .slice(0, count);
}
