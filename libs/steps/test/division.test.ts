import path from 'node:path';
import { resolveEmbedded } from '@sonde/embedded';
import type { InputArtifact, Shard } from '@sonde/executor';
import { openStates } from '@sonde/formats';
import { readTable, rows } from '@sonde/tables';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { STEP_KINDS } from '../src/index.ts';
import { dividePairs, dividePrompts, type RowRange } from '../src/shared/model/division.ts';
import { artifact, runStep, type StepRun, tableArtifact, temporaryFolder } from './harness.ts';

let folder: string;
let remove: () => Promise<void>;
beforeAll(async () => ({ folder, remove } = await temporaryFolder()));
afterAll(() => remove());

const prompt = (id: string) => ({ prompt_id: id, rendered: `You are ${id}`, span_start: 0, span_end: 7 });
const prompts = (...ids: string[]): Promise<InputArtifact> => tableArtifact(folder, ids.map(prompt));
const asked = (source: InputArtifact) => ({ prompts: source, num_return_sequences: 5 });
const identityOf = ({ identity }: Shard): string => JSON.stringify(identity);
const ranges = (shards: readonly Shard[]): unknown[] => shards.map(({ range }) => range);

describe('prompts', () => {
  it('are divided so that no shard has more than 32 of them, or 1,600 sequences', async () => {
    const many = await prompts(...Array.from({ length: 40 }, (_, i) => `p${i}`));
    const shards = await dividePrompts({ prompts: many, num_return_sequences: 5 });
    const [{ range: first }, { range: second }] = shards as [Shard<RowRange>, Shard<RowRange>];
    expect(first).toEqual({ start: 0, end: expect.any(Number), samples: [0, 5] });
    expect(first.end).toBeLessThanOrEqual(32);
    expect(first.end).toBeGreaterThanOrEqual(16);
    expect(second).toEqual({ start: first.end, end: 40, samples: [0, 5] });
    const large = await dividePrompts({ prompts: many, num_return_sequences: 800 });
    expect(Math.max(...large.map(({ range }) => range.end - range.start))).toBe(2);
  });

  it('are cut by what they are, not by where they stand: an edit leaves all shards but those around it', async () => {
    const ids = Array.from({ length: 600 }, (_, i) => `p${i}`);
    const before = new Set((await dividePrompts(asked(await prompts(...ids)))).map(identityOf));
    const added = async (...changed: string[]) =>
      (await dividePrompts(asked(await prompts(...changed)))).map(identityOf).filter((known) => !before.has(known));
    expect(before.size).toBeGreaterThan(20);
    expect(await added(...ids)).toEqual([]);
    const inserted = await added(...ids.slice(0, 100), 'n0', 'n1', 'n2', ...ids.slice(100));
    expect(inserted.length).toBeGreaterThan(0);
    expect(inserted.length).toBeLessThan(6);
    expect((await added(...ids.slice(0, 100), ...ids.slice(101))).length).toBeLessThan(6);
    const appended = await added(...ids, ...Array.from({ length: 60 }, (_, i) => `later${i}`));
    expect(appended.length).toBeLessThan(7);
  });

  it('whose text is edited lie in one shard that is new', async () => {
    const rows = Array.from({ length: 300 }, (_, i) => prompt(`p${i}`));
    const edited = rows.map((row, i) => (i === 150 ? { ...row, rendered: 'You were p150' } : row));
    const [before, after] = await Promise.all(
      [rows, edited].map(async (table) =>
        (await dividePrompts(asked(await tableArtifact(folder, table)))).map(identityOf),
      ),
    );
    expect(after!.filter((identity) => !before!.includes(identity))).toHaveLength(1);
  });

  it('with more samples than a shard holds are divided along these, and more samples keep the shards that were', async () => {
    const two = await prompts('a', 'b');
    const shards = await dividePrompts({ prompts: two, num_return_sequences: 3500 });
    expect(ranges(shards).slice(2, 4)).toEqual([
      { start: 0, end: 1, samples: [3200, 3500] },
      { start: 1, end: 2, samples: [0, 1600] },
    ]);
    expect(shards.map(({ weight }) => weight)).toEqual([1600, 1600, 300, 1600, 1600, 300]);
    const more = await dividePrompts({ prompts: two, num_return_sequences: 5000 });
    const known = new Set(more.map(({ identity }) => JSON.stringify(identity)));
    expect(shards.map(({ identity }) => known.has(JSON.stringify(identity)))).toEqual([
      ...[true, true, false],
      ...[true, true, false],
    ]);
  });

  it('must have different ids, however far apart they stand', async () => {
    const twice = await prompts(...Array.from({ length: 40 }, (_, i) => `p${i}`), 'p3');
    await expect(dividePrompts({ prompts: twice, num_return_sequences: 1 })).rejects.toThrow(
      'two prompts have the id "p3"',
    );
  });
});

const continuation = (id: string, sample: number) => ({ prompt_id: id, sample, token_ids: [5, sample] });

describe('pairs', () => {
  it('are read from those rows alone in which the continuations of their prompts lie', async () => {
    const ids = Array.from({ length: 40 }, (_, i) => `p${i}`);
    const config = {
      prompts: await prompts(...ids),
      continuations: await tableArtifact(
        folder,
        ids.flatMap((id) => [continuation(id, 0), continuation(id, 1)]),
      ),
    };
    const shards = await dividePairs(config);
    expect(shards).toHaveLength(2);
    const { end } = shards[0]!.range;
    expect(ranges(shards)).toEqual([
      { start: 0, end, continuations: [0, 2 * end] },
      { start: end, end: 40, continuations: [2 * end, 80] },
    ]);
  });

  it('with more continuations than a shard holds are divided along these', async () => {
    const config = {
      prompts: await prompts('a', 'b'),
      continuations: await tableArtifact(folder, [
        ...Array.from({ length: 2000 }, (_, sample) => continuation('a', sample)),
        continuation('b', 0),
      ]),
    };
    expect(ranges(await dividePairs(config))).toEqual([
      { start: 0, end: 1, continuations: [0, 2000], samples: [0, 1600] },
      { start: 0, end: 1, continuations: [0, 2000], samples: [1600, 2000] },
      { start: 1, end: 2, continuations: [2000, 2001] },
    ]);
  });

  it('are known by their continuations', async () => {
    const [first, second] = await Promise.all(
      [1, 2].map(async (sample) => {
        const continuations = await tableArtifact(folder, [continuation('a', 0), continuation('b', sample)]);
        return dividePairs({ prompts: await prompts('a', 'b'), continuations });
      }),
    );
    expect(first![0]!.identity).not.toEqual(second![0]!.identity);
  });
});

const model = artifact('model', resolveEmbedded('parlour-base').path);

describe('the continuations of two shards', () => {
  it('come with the prompt’s own states and losses once', async () => {
    const config = {
      model,
      prompts: await prompts('a'),
      continuations: await tableArtifact(
        folder,
        [3, 1, 2].map((sample) => continuation('a', sample)),
      ),
      pool: ['prompt', 'last', 'tokens'],
      losses: true,
    };
    const [first, second] = [
      await runStep('activations/capture', folder, config, { shard: { start: 0, end: 1, samples: [0, 2] } }),
      await runStep('activations/capture', folder, config, { shard: { start: 0, end: 1, samples: [2, 3] } }),
    ];
    const seen = async (run: StepRun) => {
      const states = await openStates(run.path('states'));
      const spans = [
        states.rowsOf('prompt'),
        states.rowsOf('last'),
        states.tokens.filter((row) => row.sample === null),
      ];
      return { samples: states.rowsOf('last').map(({ sample }) => sample), counts: spans.map(({ length }) => length) };
    };
    expect(await seen(first)).toMatchObject({ samples: [1, 2], counts: [1, 2, expect.any(Number)] });
    expect(await seen(second)).toEqual({ samples: [3], counts: [0, 1, 0] });
    expect((await first.rows('losses')).length).toBe(1);
    expect((await second.rows('losses')).length).toBe(0);
  });
});

describe('the samples of two shards', () => {
  const generate = async (num: number, shard?: { start: number; end: number; samples: [number, number] }) =>
    runStep(
      'text/generate',
      folder,
      {
        model,
        prompts: await prompts('a', 'b'),
        num_return_sequences: num,
        max_new_tokens: 6,
        capture: { layers: [1], pool: ['prompt', 'continuation', 'tokens'] },
      },
      shard && { shard },
    );
  const places = async (folderOf: string) => {
    const states = await openStates(folderOf);
    const { tokens } = states;
    return { states, prompt: states.rowsOf('prompt'), continuation: states.rowsOf('continuation'), tokens };
  };
  const key = (row: { promptId: string; sample: number | null; position?: number }): string =>
    [row.promptId, row.sample, row.position].join();

  it('are together those of one, each prompt with its own states once', async () => {
    const whole = await generate(5);
    const parts: StepRun[] = [
      await generate(5, { start: 0, end: 2, samples: [0, 3] }),
      await generate(5, { start: 0, end: 2, samples: [3, 5] }),
    ];
    const { combine } = await STEP_KINDS.get('text/generate')!.load();
    const output = (name: string): string => path.join(folder, `combined-${name}`);
    await combine!({
      config: {},
      parts: parts.map((part) => ({ continuations: part.path('continuations'), states: part.path('states') })),
      output,
      log: () => undefined,
    });
    const texts = (list: readonly Record<string, unknown>[]): string[] =>
      list.map(({ prompt_id, sample, text }) => `${prompt_id} ${sample} ${text}`).sort();
    expect(texts(rows(await readTable(output('continuations'))))).toEqual(texts(await whole.rows('continuations')));

    const [one, two] = [await places(whole.path('states')), await places(output('states'))];
    expect(two.prompt).toHaveLength(2);
    expect(two.tokens.map(key).sort()).toEqual(one.tokens.map(key).sort());
    const at = new Map(one.continuation.map((row) => [key(row), row]));
    const expected = await one.states.layerStates(
      two.continuation.map((row) => at.get(key(row))!),
      0,
    );
    const found = await two.states.layerStates(two.continuation, 0);
    found.forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i]!, 4);
    });
  });
});
