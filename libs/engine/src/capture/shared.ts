import { branchMask, type Cache, numbersCached } from '@sonde/networks';
import { byLength, runsOf, tokensPerRun } from '../decoding/batches.ts';
import { joinCaches, pickPrompts } from '../decoding/caches.ts';
import type { RunRequest } from '../engine.ts';
import { placesOf } from '../interventions.ts';
import { promptToken } from '../prompts.ts';
import { eachToken, readWhole, spanMaximum, spanWeights } from '../whole.ts';
import { type Branches, branchesOf, type SharedPrompt } from './branches.ts';
import { explained, type Reading, summedOf } from './reading.ts';
import type { Range, Row } from './rows.ts';

/** Bytes that the caches of the prompts read together may take. */
const CACHE_BYTES = 2 ** 28;

/** Captures continuations behind their prompts, each of which is read once. */
export async function captureShared(reading: Reading, prompts: readonly SharedPrompt[]): Promise<void> {
  const tokenBytes = 4 * numbersCached(reading.engine.sizes);
  const limit = tokensPerRun(reading.engine, reading.wanted.tokens);
  const order = byLength(prompts.map(({ row }) => row.promptTokens)).map((place) => prompts[place]!);
  const lengths = order.map(({ row }) => row.promptTokens);
  for (const [start, end] of runsOf(lengths, CACHE_BYTES / tokenBytes)) {
    const group = order.slice(start, end);
    const cache = await readPrompts(reading, group);
    for (const branches of branchesOf(group, limit)) await readBranches(reading, cache, branches);
  }
}

/** Reads prompts, in rising order of their lengths, and writes their own states where they are wanted. */
async function readPrompts(reading: Reading, prompts: readonly SharedPrompt[]): Promise<Cache> {
  const { engine, plan, wanted, states, onToken, onRun } = reading;
  const { size } = engine.layout;
  const pooled = wanted.pools.includes('prompt');
  const caches: { cache: Cache; prompts: number }[] = [];
  const lengths = prompts.map(({ row }) => row.promptTokens);
  for (const [start, end] of runsOf(lengths, tokensPerRun(engine, wanted.tokens))) {
    onRun(0);
    const group = prompts.slice(start, end);
    const sequences = group.map(({ row }) => ({ id: row.id, ids: row.ids.slice(0, row.promptTokens) }));
    const whole = readWhole(engine.sizes, sequences, plan);
    const ranges = group.map(({ row, promptRow }): Range[] => [
      ...(pooled ? [promptRow === null ? ([0, 0] as const) : row.own!] : []),
      ...(wanted.tokens ? eachToken(row.promptTokens, whole.tokens) : []),
    ]);
    const pools = ranges[0]!.length;
    const result = await engine.run({ ...whole, ...(pools > 0 ? { pool: spanWeights(ranges, whole.tokens) } : {}) });
    caches.push({ cache: result.present, prompts: group.length });
    await explained(reading, sequences, () => {
      group.forEach(({ row, promptRow }, i) => {
        if (promptRow === null) return;
        if (pooled) {
          const [from, to] = row.own!;
          states.write('prompt', promptRow, result.pooled, i * pools * size, to - from);
        }
        for (let t = 0; wanted.tokens && t < row.promptTokens; t++) {
          const token = states.ofToken(result.pooled, (i * pools + (pooled ? 1 : 0) + t) * size);
          onToken!(promptToken(row.prompt, t, token));
        }
      });
    });
  }
  return joinCaches(engine, caches);
}

/** A run over continuations, padded to a grid of prompts × samples × tokens. */
function requestOf({ engine, plan }: Reading, cache: Cache, { prompts, samples, tokens }: Branches): RunRequest {
  const inputIds = new Int32Array(prompts.length * samples * tokens);
  const positions = new BigInt64Array(inputIds.length);
  prompts.forEach(({ rows }, b) => {
    const { promptTokens } = rows[0]!;
    for (let k = 0; k < samples; k++) {
      const at = (b * samples + k) * tokens;
      inputIds.set(rows[k]?.ids.slice(promptTokens) ?? [], at);
      // What pads a short sequence stays within the positions that the model has.
      const last = (rows[k]?.ids.length ?? promptTokens + 1) - 1;
      for (let t = 0; t < tokens; t++) positions[at + t] = BigInt(Math.min(promptTokens + t, last));
    }
  });
  const promptCache = pickPrompts(
    engine,
    cache,
    prompts.map(({ prompt }) => prompt),
  );
  const promptLengths = prompts.map(({ rows }) => rows[0]!.promptTokens);
  return {
    prompts: prompts.length,
    samples,
    tokens,
    inputIds,
    positions,
    promptCache,
    mask: branchMask(engine.sizes, promptLengths, cache.length, tokens),
    changes: plan.changes(() =>
      prompts.flatMap(({ rows }) =>
        Array.from({ length: samples }, (_, k) => {
          const row = rows[k];
          if (!row) return Array.from({ length: tokens }, () => null);
          return placesOf([row], row.promptTokens + tokens).slice(row.promptTokens);
        }).flat(),
      ),
    ),
    last: true,
  };
}

async function readBranches(reading: Reading, cache: Cache, branches: Branches): Promise<void> {
  const { engine, wanted, states, onToken, onRun } = reading;
  const { size } = engine.layout;
  const { samples, tokens } = branches;
  const items = branches.prompts.flatMap(({ rows }, b) => rows.map((row, k) => ({ row, at: b * samples + k })));
  onRun(items.length);
  const summed = summedOf(wanted).filter((pool) => pool !== 'prompt');
  const withMaximum = wanted.pools.includes('max');
  const ends = Array.from({ length: branches.prompts.length * samples }, () => 0);
  for (const { row, at } of items) ends[at] = row.ids.length - row.promptTokens;
  const ranges = ends.map((end): Range[] => [
    ...summed.map((pool): Range => (pool === 'last' ? [Math.max(0, end - 1), end] : [0, end])),
    ...(wanted.tokens ? eachToken(end, tokens) : []),
  ]);
  const pools = ranges[0]!.length;
  const result = await engine.run({
    ...requestOf(reading, cache, branches),
    ...(pools > 0 ? { pool: spanWeights(ranges, tokens) } : {}),
    // A place without a sequence stands for its first token: a maximum over nothing would not be finite.
    ...(withMaximum
      ? {
          maximum: spanMaximum(
            ends.map((end) => [0, Math.max(1, end)] as const),
            tokens,
          ),
        }
      : {}),
  });
  const read = items.map(({ row }): Row => row);
  await explained(reading, read, () => {
    for (const { row, at } of items) {
      summed.forEach((pool, q) => {
        const divisor = pool === 'continuation' ? ends[at]! : 1;
        states.write(pool, row.place, result.pooled, (at * pools + q) * size, divisor);
      });
      if (withMaximum) states.write('max', row.place, result.maximum!, at * size, 1);
      for (let t = 0; wanted.tokens && t < ends[at]!; t++) {
        const token = states.ofToken(result.pooled, (at * pools + summed.length + t) * size);
        const position = row.promptTokens + t;
        onToken!({ promptId: row.id, sample: row.sample, position, span: 'continuation', states: token });
      }
    }
  });
}
