import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { artifact, runStep, temporaryFolder } from './harness.ts';

let folder: string;
let remove: () => Promise<void>;
beforeAll(async () => {
  ({ folder, remove } = await temporaryFolder());
});
afterAll(() => remove());

const PROMPTS = 20;

/** Scores of two continuations a prompt, the larger of which is given. */
async function scores(name: string, largest: (prompt: number) => number): Promise<string> {
  const lines = Array.from({ length: PROMPTS }, (_, p) =>
    [0, largest(p)].map((score, sample) => JSON.stringify({ prompt_id: `p${p}`, sample, 'score.TOXICITY': score })),
  );
  const file = path.join(folder, `${name}.jsonl`);
  await writeFile(file, `${lines.flat().join('\n')}\n`);
  return file;
}

async function losses(name: string, nll: number): Promise<string> {
  const lines = Array.from({ length: PROMPTS }, (_, p) => JSON.stringify({ prompt_id: `p${p}`, tokens: 1, nll }));
  const file = path.join(folder, `${name}.jsonl`);
  await writeFile(file, `${lines.join('\n')}\n`);
  return file;
}

const own = (p: number): number => (p % 5) / 10;
const bootstrap = { resamples: 200, level: 0.95, seed: 0 };

describe('behavior/compare', () => {
  it('takes differences prompt by prompt, so that one shift of all has no width', async () => {
    const [before, after] = [await scores('before', own), await scores('after', (p) => own(p) + 0.25)];
    const run = await runStep('behavior/compare', folder, {
      scores: [artifact('table', after)],
      reference: [artifact('table', before)],
      bootstrap,
    });
    const [emt] = (await run.rows('changes')).filter(({ metric }) => metric === 'emt');
    expect(emt).toMatchObject({ against: 'reference', n: PROMPTS, replicates: 1, agreement: expect.closeTo(1, 9) });
    for (const name of ['difference', 'low', 'high']) expect(emt![name]).toBeCloseTo(0.25, 9);
  });

  it('holds a change against that of another model: a difference of differences', async () => {
    // The adapter takes 0.3 from one model and 0.1 from the other, and a tenth of that more from every other prompt.
    const change = (size: number) => (p: number) => own(p) + 0.5 - size - (p % 2 === 0 ? size / 10 : 0);
    const collected = async (name: string, size: number) => [
      artifact('table', await scores(`${name}-plain`, change(0)), { adapter: 'none', model: name }),
      artifact('table', await scores(`${name}-adapted`, change(size)), { adapter: 'some', model: name }),
    ];
    const all = [...(await collected('base', 0.1)), ...(await collected('rude', 0.3))];
    const config = { scores: all, baseline: { adapter: 'none' }, bootstrap };
    const run = await runStep('behavior/compare', folder, { ...config, contrast: { model: 'base' } });
    const emt = (await run.rows('changes')).filter(({ metric }) => metric === 'emt');
    expect(emt.map(({ against, setting }) => [against, setting])).toEqual([
      ['reference', 'adapter=some, model=base'],
      ['reference', 'adapter=some, model=rude'],
      ['contrast', 'adapter=some, model=rude'],
    ]);
    const found = emt[2]! as Record<string, number>;
    expect(found.value).toBeCloseTo(-0.315, 9);
    expect(found.other).toBeCloseTo(-0.105, 9);
    // −0.22 and −0.20 by turns.
    expect(found.difference).toBeCloseTo(-0.21, 9);
    expect(found.low).toBeGreaterThan(-0.22);
    expect(found.high).toBeLessThan(-0.2);
    expect(found.effect_size).toBeCloseTo(-0.21 / (0.01 * Math.sqrt(20 / 19)), 6);
    expect(found.p).toBeLessThan(0.001);
    await expect(runStep('behavior/compare', folder, { ...config, contrast: { model: 'other' } })).rejects.toThrow(
      '0 settings are as adapter=some, model=base but for `contrast` {"model":"other"}',
    );
  });

  it('averages replicates, and says how far those of the reference differ', async () => {
    const [low, high] = [await scores('low', own), await scores('high', (p) => own(p) + 0.1)];
    const run = await runStep('behavior/compare', folder, {
      scores: [low, high].flatMap((file, seed) => [
        artifact('table', file, { precision: 'full', seed }),
        artifact('table', file, { precision: 'int8', seed }),
      ]),
      baseline: { precision: 'full' },
      over: ['seed'],
      bootstrap,
    });
    const emt = (await run.rows('changes')).filter(({ metric }) => metric === 'emt');
    expect(emt).toHaveLength(1);
    expect(emt[0]).toMatchObject({ setting: 'precision=int8', replicates: 2, difference: 0, replicate_sd: 0 });
    // Two values 0.1 apart have a standard deviation of 0.1 / √2; a difference of two draws, √2 times that.
    expect(emt[0]!.noise_sd).toBeCloseTo(0.1, 9);
  });

  it('holds a setting against controls that cost as much, between two of them by interpolation', async () => {
    const run = await runStep('behavior/compare', folder, {
      scores: [artifact('table', await scores('steered', (p) => own(p) + 0.3), { strength: 1 })],
      losses: [artifact('table', await losses('steered-losses', 2), { strength: 1 })],
      reference: [artifact('table', await scores('plain', own))],
      reference_losses: [artifact('table', await losses('plain-losses', 1))],
      controls: [artifact('table', await scores('random', (p) => own(p) + 0.2), { strength: 5 })],
      control_losses: [artifact('table', await losses('random-losses', 3), { strength: 5 })],
      bootstrap,
    });
    const matched = (await run.rows('changes')).find(
      ({ metric, against }) => metric === 'emt' && against === 'controls_of_equal_perplexity',
    );
    // Half way, in log perplexity, between the plain model and the control that adds 0.2.
    expect(matched!.difference).toBeCloseTo(0.3 - 0.1, 9);
  });

  it('says where no control costs as much', async () => {
    const run = await runStep('behavior/compare', folder, {
      scores: [artifact('table', await scores('dear', (p) => own(p) + 0.3), { strength: 1 })],
      losses: [artifact('table', await losses('dear-losses', 9), { strength: 1 })],
      reference: [artifact('table', await scores('plain', own))],
      reference_losses: [artifact('table', await losses('plain-losses', 1))],
      controls: [artifact('table', await scores('random', own), { strength: 5 })],
      control_losses: [artifact('table', await losses('random-losses', 3), { strength: 5 })],
      bootstrap,
    });
    const matched = (await run.rows('changes')).filter(({ against }) => against === 'controls_of_equal_perplexity');
    expect(matched[0]).toMatchObject({ difference: null, reason: 'no_control_costs_as_much' });
  });

  it('refuses another number of continuations, and a baseline that is not there', async () => {
    const one = path.join(folder, 'one.jsonl');
    await writeFile(one, `${JSON.stringify({ prompt_id: 'p0', sample: 0, 'score.TOXICITY': 0 })}\n`);
    const file = artifact('table', await scores('two', own), { model: 'a' });
    await expect(
      runStep('behavior/compare', folder, { scores: [file], reference: [artifact('table', one)], bootstrap }),
    ).rejects.toThrow('1 continuations a prompt, not 2');
    await expect(
      runStep('behavior/compare', folder, { scores: [file], baseline: { model: 'b' }, bootstrap }),
    ).rejects.toThrow('none of 1 tables has `baseline` {"model":"b"}');
  });
});
