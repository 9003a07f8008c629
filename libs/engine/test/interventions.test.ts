import { SITES } from '@sonde/networks';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type CaptureOptions,
  type Forward,
  forward,
  generate,
  type Intervention,
  type Model,
  openModel,
  perplexity,
} from '../src/index.ts';
import { GOLDENS, goldenModel, interventionsOf, readGolden, wave } from './goldens.ts';
import { keepTokens, prompts, sampled, statesAt, TOLERANCE } from './seen.ts';
import { relativeError } from './shared.ts';
import { plain, scratch, TINY, writeTiny } from './tiny.ts';

const cpu = { threads: 1, device: 'cpu' } as const;
let files: Awaited<ReturnType<typeof scratch>>;
let model: Model;
beforeAll(async () => {
  files = await scratch();
  model = await openModel(await writeTiny(files.path('tiny')), cpu);
});
afterAll(async () => {
  await model.close();
  await files.remove();
});

describe.each(GOLDENS.filter((name) => readGolden(name).inside))('%s', (name) => {
  const { ids, inside, weights } = readGolden(name);
  const { tokens, logit_step, runs } = inside!;
  const projection = weights.find(([weight]) => /o_proj|attn\.c_proj|attention\.dense/.test(weight))!;
  let tested: Model;
  beforeAll(async () => {
    tested = await openModel(await writeTiny(files.path(name), { model: goldenModel(readGolden(name)) }), cpu);
  });
  afterAll(() => tested.close());

  const told = (run: (typeof runs)[number]): string =>
    run.interventions.map((each) => `${each.kind} ${'site' in each ? each.site : ''}`).join(', ') || 'nothing';
  test.each(runs.map((run) => [told(run), run] as const))(
    'under %s gives what hooks give in transformers',
    async (_, run) => {
      const { hiddenSize: d, layers, vocabSize } = tested.config;
      // GPT-2 stores its projection transposed, but it is square.
      const interventions = interventionsOf(run, (site) => (site === 'heads' ? projection[1][1]! : d));
      const { hiddenStates, logits } = await forward(tested, ids, { interventions });
      const states = (layer: number): number[] =>
        tokens.flatMap((t) =>
          Array.from(hiddenStates.subarray((layer * ids.length + t) * d, (layer * ids.length + t + 1) * d)),
        );
      expect(relativeError(states(2), run.after_block_1)).toBeLessThan(TOLERANCE);
      expect(relativeError(states(layers), run.normed)).toBeLessThan(TOLERANCE);
      const last = logits.subarray(-vocabSize).filter((_, id) => id % logit_step === 0);
      expect(relativeError(last, run.logits)).toBeLessThan(TOLERANCE);
    },
  );

  test('each of the interventions changes the logits, and their order matters', () => {
    expect(new Set(runs.map(({ logits }) => logits.join())).size).toBe(runs.length);
  });
});

const d = TINY.hiddenSize;
const text = plain('text', 'A stone, a bird');
const ids = [256, ...Buffer.from(text.rendered)];
const run = (interventions: readonly Intervention[], of = ids): Promise<Forward> =>
  forward(model, of, { interventions });

function expectEqual(found: Forward, expected: Forward, tolerance = 2e-6): void {
  for (const part of ['hiddenStates', 'lastResidual', 'logits'] as const) {
    expect(relativeError(found[part], expected[part])).toBeLessThan(tolerance);
  }
}

describe.each(SITES)('at %s', (site) => {
  const captured = site === 'residual' ? 'residual_raw' : site;
  const read = (interventions: readonly Intervention[]) => statesAt(model, text, captured, interventions, [1, 2, 3]);
  const vectors = [wave(1, d), wave(0.3, d), wave(2, d)];
  const layers = [2, 0, 1];

  test('adding vectors moves the state by them; taking them away again leaves nothing but rounding', async () => {
    const add: Intervention = { kind: 'add', site, layers: [1], vectors: [vectors[0]!] };
    const away: Intervention = { ...add, vectors: [vectors[0]!.map((x) => -x)] };
    const [before, after] = [await read([]), await read([add])];
    before.forEach((states, t) => {
      const expected = states.subarray(d, 2 * d).map((x, i) => x + vectors[0]![i]!);
      expect(relativeError(after[t]!.subarray(d, 2 * d), expected)).toBeLessThan(TOLERANCE);
      expect(after[t]!.subarray(0, d)).toEqual(states.subarray(0, d));
    });
    expect((await run([add])).logits).not.toEqual((await run([])).logits);
    expectEqual(await run([add, away]), await run([]));
  });

  test('after erasing, states have no component along the directions; erasing them again changes nothing', async () => {
    // A different number of directions in each block, and one that the others already span.
    const [a, b, c] = vectors as [Float32Array, Float32Array, Float32Array];
    const directions = [[a, b, c], [b], [c, a, a.map((x, i) => 3 * x - c[i]!)]];
    const erase: Intervention = { kind: 'erase', site, layers, directions };
    const [before, after] = [await read([]), await read([erase])];
    const along = (state: Float32Array, direction: Float32Array): number =>
      Math.abs(state.reduce((sum, x, i) => sum + x * direction[i]!, 0)) /
      Math.hypot(...state) /
      Math.hypot(...direction);
    layers.forEach((block, i) => {
      for (const direction of directions[i]!) {
        const most = (of: Float32Array[]): number =>
          Math.max(...of.map((states) => along(states.subarray(block * d, (block + 1) * d), direction)));
        expect(most(before)).toBeGreaterThan(0.05);
        expect(most(after)).toBeLessThan(1e-6);
      }
    });
    expectEqual(await run([erase, erase]), await run([erase]));
    const longer: Intervention = {
      ...erase,
      directions: directions.map((list) => list.map((u) => u.map((x) => -7 * x))),
    };
    expectEqual(await run([longer]), await run([erase]));
  });

  test('a mean put in place of a state is what every token has there', async () => {
    const states = await read([{ kind: 'mean_ablation', site, layers, vectors }]);
    for (const state of states) {
      layers.forEach((block, i) => {
        expect(state.subarray(block * d, (block + 1) * d)).toEqual(vectors[i]);
      });
    }
  });

  test("putting a run's own states in their place changes nothing", async () => {
    const states = await read([]);
    const scratchArrays = layers.map(() => new Float32Array(d));
    const own: Intervention = {
      kind: 'replace',
      site,
      layers,
      // Arrays may be used again from call to call.
      stateOf: ({ position }) =>
        layers.map((block, i) => {
          scratchArrays[i]!.set(states[position]!.subarray(block * d, (block + 1) * d));
          return scratchArrays[i]!;
        }),
    };
    expectEqual(await run([own]), await run([]));
    const never: Intervention = { kind: 'replace', site, layers, stateOf: () => null };
    expectEqual(await run([never]), await run([]), Number.MIN_VALUE);
  });

  test('states put in place of generated tokens, sample by sample, are there and nowhere else', async () => {
    const given = (sample: number, position: number): Float32Array => wave(1 + sample / 5 + position / 50, d);
    const replace: Intervention = {
      kind: 'replace',
      site,
      layers: [1],
      stateOf: ({ promptId, sample, position }) =>
        promptId === 'b' && sample !== null && position % 2 === 0 ? [given(sample, position)] : null,
    };
    const { tokens, onToken } = keepTokens();
    const what: CaptureOptions = { layers: [2], pool: ['tokens'], sites: [site] };
    const changed = await generate(
      model,
      prompts,
      { ...sampled, capture: what, interventions: [replace] },
      { onToken },
    );
    let there = 0;
    for (const { promptId, sample, position, states } of tokens) {
      const isGiven = promptId === 'b' && sample !== null && position % 2 === 0;
      if (isGiven) there++;
      const put = given(sample ?? 0, position);
      expect(relativeError(states[site]!, put) === 0, `${promptId} ${sample} ${position}`).toBe(isGiven);
    }
    expect(there).toBeGreaterThan(15);
    const usual = await generate(model, prompts, sampled);
    const tokensOf = ({ continuations }: typeof usual, id: string): (readonly number[])[] =>
      continuations.filter(({ promptId }) => promptId === id).map(({ tokenIds }) => tokenIds);
    for (const id of ['a', 'c']) expect(tokensOf(changed, id)).toEqual(tokensOf(usual, id));
    expect(tokensOf(changed, 'b')).not.toEqual(tokensOf(usual, 'b'));
  });
});

describe('interventions', () => {
  test("with another text's states after the last block but one, a text has that text's logits", async () => {
    const other = plain('other', 'Some words here');
    const states = await statesAt(model, other, 'residual', [], [TINY.layers - 1]);
    const patch: Intervention = {
      kind: 'replace',
      layers: [TINY.layers - 2],
      stateOf: ({ position }) => [states[position]!],
    };
    const expected = await run([], [256, ...Buffer.from(other.rendered)]);
    const found = await run([patch]);
    expect(relativeError(found.logits, expected.logits)).toBeLessThan(2e-6);
    expect(relativeError((await run([])).logits, expected.logits)).toBeGreaterThan(0.1);
  });

  test.each(['attention', 'mlp'] as const)('%s without an effect on the stream is %s bypassed', async (site) => {
    const nothing: Intervention = {
      kind: 'mean_ablation',
      site,
      layers: [0, 2],
      vectors: [new Float32Array(d), new Float32Array(d)],
    };
    const bypassed = await run([{ kind: `bypass_${site}`, layers: [0, 2] }]);
    expectEqual(await run([nothing]), bypassed, Number.MIN_VALUE);
  });

  test('all heads put to zero are attention bypassed, for a model without an output bias', async () => {
    const nothing: Intervention = { kind: 'mean_ablation', site: 'heads', layers: [1], vectors: [new Float32Array(d)] };
    expectEqual(await run([nothing]), await run([{ kind: 'bypass_attention', layers: [1] }]), Number.MIN_VALUE);
  });

  test('at one site are made one after the other, in their order', async () => {
    const [add, erase]: Intervention[] = [
      { kind: 'add', layers: [1], vectors: [wave(1, d)] },
      { kind: 'erase', layers: [1], directions: [[wave(1, d)]] },
    ];
    expectEqual(await run([add!, erase!]), await run([erase!]));
    expect(relativeError((await run([erase!, add!])).logits, (await run([erase!])).logits)).toBeGreaterThan(0.01);
    const twice: Intervention = { kind: 'add', layers: [1], vectors: [wave(1, d).map((x) => 2 * x)] };
    expectEqual(await run([add!, add!]), await run([twice]));
  });

  test('reach perplexity, and tell it which text each token is of', async () => {
    const texts = ['Hello there', 'Another, longer text'];
    const usual = await perplexity(model, texts);
    const second: Intervention = {
      kind: 'replace',
      layers: [1],
      stateOf: ({ promptId, position }) => (promptId === 'text 1' && position === 2 ? [wave(1, d)] : null),
    };
    const changed = await perplexity(model, texts, { interventions: [second] });
    expect(changed.texts[0]!.nll).toBeCloseTo(usual.texts[0]!.nll!, 5);
    expect(Math.abs(changed.texts[1]!.nll! - usual.texts[1]!.nll!)).toBeGreaterThan(0.01);
  });
});
