import { byLength, runsOf, tokensPerRun } from '../decoding/batches.ts';
import { promptToken } from '../prompts.ts';
import type { Pool } from '../types.ts';
import { eachToken, readWhole, spanMaximum, spanWeights } from '../whole.ts';
import { explained, type Reading, summedOf } from './reading.ts';
import type { Range, Row } from './rows.ts';

function rangeOf(pool: Pool, { own, tail, promptRow }: Row): Range {
  if (pool === 'prompt') return promptRow === null ? [0, 0] : own!;
  return pool === 'continuation' ? tail : [tail[1] - 1, tail[1]];
}

/** Captures items that are each read from their start. */
export async function captureWhole(reading: Reading, rows: readonly Row[]): Promise<void> {
  const { engine, plan, wanted, states, onToken, onRun } = reading;
  const { size } = engine.layout;
  const summed = summedOf(wanted);
  const withMaximum = wanted.pools.includes('max');
  const order = byLength(rows.map(({ ids }) => ids.length)).map((place) => rows[place]!);
  const lengths = order.map(({ ids }) => ids.length);
  for (const [start, end] of runsOf(lengths, tokensPerRun(engine, wanted.tokens))) {
    const group = order.slice(start, end);
    onRun(group.length);
    const whole = readWhole(engine.sizes, group, plan);
    const { tokens } = whole;
    const ranges = group.map((row) => [
      ...summed.map((pool) => rangeOf(pool, row)),
      ...(wanted.tokens ? eachToken(row.ids.length, tokens) : []),
    ]);
    const pools = ranges[0]!.length;
    const tails = group.map(({ tail }) => tail);
    const result = await engine.run({
      ...whole,
      last: true,
      ...(pools > 0 ? { pool: spanWeights(ranges, tokens) } : {}),
      ...(withMaximum ? { maximum: spanMaximum(tails, tokens) } : {}),
    });
    await explained(reading, group, () => {
      group.forEach((row, i) => {
        summed.forEach((pool, q) => {
          if (pool === 'prompt' && row.promptRow === null) return;
          const [from, to] = ranges[i]![q]!;
          const at = pool === 'prompt' ? row.promptRow! : row.place;
          states.write(pool, at, result.pooled, (i * pools + q) * size, to - from);
        });
        if (withMaximum) states.write('max', row.place, result.maximum!, i * size, 1);
        for (let t = row.promptRow === null ? row.promptTokens : 0; wanted.tokens && t < row.ids.length; t++) {
          const token = states.ofToken(result.pooled, (i * pools + summed.length + t) * size);
          if (t < row.promptTokens) onToken!(promptToken(row.prompt, t, token));
          else onToken!({ promptId: row.id, sample: row.sample, position: t, span: 'continuation', states: token });
        }
      });
    });
  }
}
