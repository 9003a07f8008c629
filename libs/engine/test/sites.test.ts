import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CaptureItem, capture, generate, type Intervention, type Model, openModel } from '../src/index.ts';
import { GOLDENS, goldenModel, interventionsOf, readGolden, wave } from './goldens.ts';
import {
  all,
  eos,
  expectSame,
  expectSameTokens,
  joined,
  keepTokens,
  prompts,
  type SeenToken,
  sampled,
  TOLERANCE,
} from './seen.ts';
import { relativeError } from './shared.ts';
import { plain, scratch, writeTiny } from './tiny.ts';

let files: Awaited<ReturnType<typeof scratch>>;
beforeAll(async () => {
  files = await scratch();
});
afterAll(() => files.remove());

const cpu = { threads: 1, device: 'cpu' } as const;

describe.each(GOLDENS.filter((name) => readGolden(name).inside))('%s', (name) => {
  const golden = readGolden(name);
  const { tokens, runs } = golden.inside!;
  let model: Model;
  beforeAll(async () => {
    model = await openModel(await writeTiny(files.path(name), { model: goldenModel(golden), eos }), cpu);
  });
  afterAll(() => model.close());

  const text = plain('text', 'A stone, a bird & 42');
  const read = async (run: (typeof runs)[number]): Promise<SeenToken[]> => {
    const { tokens: seen, onToken } = keepTokens();
    const { heads } = await capture(model, [{ prompt: text }], { ...all, pool: ['max'] });
    const width = heads!.rowShape[1]! * heads!.rowShape[2]!;
    const interventions = interventionsOf(run, (site) => (site === 'heads' ? width : model.config.hiddenSize));
    await capture(model, [{ prompt: text }], { ...all, pool: ['tokens'], interventions }, { onToken });
    return seen;
  };

  test.each(runs.filter(({ sites }) => sites).map((run) => [run.interventions.length, run] as const))(
    'gives the states that hooks see in transformers at every site, under %d interventions',
    async (_, run) => {
      const seen = await read(run);
      expect(seen).toHaveLength(golden.ids.length);
      const { layers } = model.config;
      for (const site of ['residual_raw', 'attention', 'mlp', 'heads'] as const) {
        const expected = run.sites![site];
        expected.forEach((block, i) => {
          const layer = layers - expected.length + i;
          const states = tokens.map((t) => {
            const state = seen[t]!.states[site]!;
            const size = block.length / tokens.length;
            const at = state.length - (layers - layer) * size;
            return state.subarray(at, at + size);
          });
          expect(relativeError(joined(states), block), `${site} of block ${layer}`).toBeLessThan(TOLERANCE);
        });
      }
    },
  );

  /** Changes that reach tokens of the prompt and of continuations, differently for each. */
  const changes = (size: number): Intervention[] => [
    { kind: 'add', site: 'mlp', layers: [0], vectors: [wave(1, size)] },
    { kind: 'erase', layers: [0, 2], directions: [[wave(1, size), wave(1.1, size)], [wave(0.3, size)]] },
    {
      kind: 'replace',
      site: 'attention',
      layers: [1],
      stateOf: ({ promptId, sample, position }) =>
        position % 3 === 1 ? [wave(promptId.charCodeAt(0) + (sample ?? 9) / 10 + position / 100, size)] : null,
    },
  ];

  test.each(['nothing', 'some states'])(
    'captures while it generates what teacher forcing gives, at every site and pool, with %s changed',
    async (what) => {
      const interventions = what === 'nothing' ? [] : changes(model.config.hiddenSize);
      const [generating, forcing] = [keepTokens(), keepTokens()];
      const { continuations, states } = await generate(
        model,
        prompts,
        { ...sampled, capture: all, interventions },
        generating,
      );
      expect(new Set(continuations.map(({ tokenIds }) => tokenIds.length)).size).toBeGreaterThan(2);
      const items = continuations.map(({ promptId, sample, tokenIds }): CaptureItem => {
        return { prompt: prompts.find(({ id }) => id === promptId)!, sample, continuation: { tokenIds } };
      });
      const forced = await capture(model, items, { ...all, interventions }, forcing);
      expectSame(states!, forced, ['prompt', 'continuation', 'last', 'max']);
      expectSameTokens(generating.tokens, forcing.tokens);
      const length = (id: string): number =>
        model.tokenizer.encode(prompts.find((prompt) => prompt.id === id)!.rendered).length;
      expect(forcing.tokens).toHaveLength(
        continuations.reduce((sum, { tokenIds }) => sum + tokenIds.length, 0) +
          prompts.reduce((sum, { id }) => sum + length(id), 0),
      );
    },
  );
});
