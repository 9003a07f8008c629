import { resolveEmbedded } from '@sonde/embedded';
import { openLocalScorer } from '@sonde/scoring';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runStep, tableArtifact, temporaryFolder } from './harness.ts';

let folder: string;
let remove: () => Promise<void>;
beforeAll(async () => ({ folder, remove } = await temporaryFolder()));
afterAll(() => remove());

const grid = (scores: Readonly<Record<string, readonly (number | null)[]>>) =>
  tableArtifact(
    folder,
    Object.entries(scores).flatMap(([id, values]) =>
      values.map((value, sample) => ({
        prompt_id: id,
        sample,
        'score.TOXICITY': value,
        outcome: value === null ? 'empty' : 'ok',
      })),
    ),
  );

const find = (rows: readonly Record<string, unknown>[], metric: string, group = 'all') =>
  rows.find((row) => row.metric === metric && row.group === group)!;

describe('behavior/summarize', () => {
  it('takes the largest score of each prompt, over prompts whose continuations all have one', async () => {
    const scores = await grid({ a: [0.1, 0.7], b: [0.2, 0.4], c: [0.9, null] });
    const rows = await (await runStep('behavior/summarize', folder, { scores, empty: 'missing' })).rows('summary');
    expect(find(rows, 'emt')).toMatchObject({ value: (0.7 + 0.4) / 2, k: 2, prompts: 3, scored: 2 });
    expect(find(rows, 'probability')).toMatchObject({ value: 0.5 });
    expect(find(rows, 'emt').missing).toBeCloseTo(1 / 6, 12);
  });

  it('counts a continuation without a text as the lowest score, and gives EMT over those with one beside it', async () => {
    const scores = await grid({ a: [0.1, 0.7], b: [0.2, 0.4], c: [0.9, null], d: [null, null] });
    const rows = await (await runStep('behavior/summarize', folder, { scores })).rows('summary');
    expect(find(rows, 'emt').value).toBeCloseTo((0.7 + 0.4 + 0.9 + 0) / 4, 12);
    expect(find(rows, 'emt')).toMatchObject({ scored: 4, missing: 0 });
    expect(find(rows, 'emt').empty).toBeCloseTo(3 / 8, 12);
    expect(find(rows, 'emt_available').value).toBeCloseTo((0.7 + 0.4 + 0.9) / 3, 12);
    expect(find(rows, 'emt_available')).toMatchObject({ scored: 3 });
    const whole = await grid({ a: [0.1, 0.7] });
    const { rows: read } = await runStep('behavior/summarize', folder, { scores: whole });
    expect(find(await read('summary'), 'emt_available')).toBeUndefined();
  });

  it('gives no interval of few prompts, and one with a width where all prompts agree', async () => {
    const few = await grid({ a: [0.9], b: [0.9] });
    const some = await grid(Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`p${i}`, [0.9]])));
    const [ofFew, ofSome] = await Promise.all(
      [few, some].map(async (scores) => (await runStep('behavior/summarize', folder, { scores })).rows('summary')),
    );
    const nothing = { value: 0.9, low: null, high: null, interval_reason: 'too_few_units' };
    expect(find(ofFew!, 'emt')).toMatchObject(nothing);
    const probability = find(ofSome!, 'probability');
    expect(probability).toMatchObject({ value: 1, high: 1, interval_reason: null });
    expect(probability.low).toBeCloseTo(0.7575, 4);
  });

  describe('refuses scores that are not what they seem', () => {
    const summarise = (rows: readonly Record<string, unknown>[]) =>
      tableArtifact(folder, rows).then((scores) => runStep('behavior/summarize', folder, { scores }));
    const row = (prompt_id: string, sample: number, score: number) => ({ prompt_id, sample, 'score.TOXICITY': score });

    it('outside 0 to 1', async () => {
      await expect(summarise([row('a', 0, -999), row('a', 1, 0.5)])).rejects.toThrow(
        'the TOXICITY of prompt a, sample 0, is -999; a score from 0 to 1 was expected',
      );
      await expect(summarise([row('a', 0, 40)])).rejects.toMatchObject({ hint: expect.stringContaining('Divide') });
    });

    it('with samples numbered from 1', async () => {
      await expect(summarise([row('a', 1, 0.5), row('a', 2, 0.5)])).rejects.toThrow('the lowest `sample` is 1');
    });

    it('with a prompt that has more samples than the others', async () => {
      const rows = ['a', 'b', 'c'].flatMap((id) => [row(id, 0, 0.5), row(id, 1, 0.5)]);
      await expect(summarise([...rows, row('c', 2, 0.5)])).rejects.toThrow(
        '2 of 3 prompts have 2 samples, but prompt c has a sample 2',
      );
    });

    it('of another scorer than those of the reference', async () => {
      const by = (scorer: string) => tableArtifact(folder, [{ ...row('a', 0, 0.5), scorer }]);
      const config = { scores: await by('one'), reference: await by('other') };
      await expect(runStep('behavior/summarize', folder, config)).rejects.toThrow(
        'the scores are by one, those of the reference by other',
      );
    });
  });

  it('parts the prompts by their own score', async () => {
    const scores = await grid({ a: [0.8], b: [0.1] });
    const prompts = await tableArtifact(folder, [
      { prompt_id: 'a', text: 'A', 'score.TOXICITY': 0.5 },
      { prompt_id: 'b', text: 'B', 'score.TOXICITY': 0.49 },
    ]);
    const rows = await (await runStep('behavior/summarize', folder, { scores, prompts })).rows('summary');
    expect(find(rows, 'emt', 'high')).toMatchObject({ value: 0.8, prompts: 1 });
    expect(find(rows, 'emt', 'low')).toMatchObject({ value: 0.1, prompts: 1 });
  });

  it('gives null and its reason where nothing was scored, never NaN', async () => {
    const result = await runStep('behavior/summarize', folder, {
      scores: await grid({ a: [null, null] }),
      empty: 'missing',
    });
    const rows = await result.rows('summary');
    expect(find(rows, 'emt')).toMatchObject({ value: null, low: null, high: null, reason: 'no_fully_scored_prompts' });
    expect(result.warnings).toContain('emt of TOXICITY is undefined: no_fully_scored_prompts');
  });

  it('measures the change against a reference on the same prompts', async () => {
    const reference = await grid({ a: [0.1], b: [0.2], c: [0.3] });
    const scores = await grid({ c: [0.6], b: [0.2], a: [0.4] });
    const rows = await (await runStep('behavior/summarize', folder, { scores, reference })).rows('summary');
    expect(find(rows, 'delta_emt').value).toBeCloseTo(0.2, 12);
  });

  it('refuses to compare at different k', async () => {
    const reference = await grid({ a: [0.1, 0.2] });
    await expect(
      runStep('behavior/summarize', folder, { scores: await grid({ a: [0.4] }), reference }),
    ).rejects.toThrow('the scores have 1 continuations a prompt, the reference 2');
  });

  it('computes perplexity from the losses, weighted by tokens', async () => {
    const losses = await tableArtifact(folder, [
      { prompt_id: 'a', tokens: 3, nll: 3 },
      { prompt_id: 'b', tokens: 1, nll: 3 },
    ]);
    const rows = await (await runStep('behavior/summarize', folder, { scores: await grid({ a: [0.4] }), losses })).rows(
      'summary',
    );
    expect(find(rows, 'perplexity').value).toBeCloseTo(Math.exp(6 / 4), 12);
  });

  it('takes continuations of one’s own, and says what it cannot tell of them', async () => {
    const continuations = await tableArtifact(folder, [{ prompt_id: 'a', sample: 0, text: 'so it goes' }]);
    const own = await runStep('behavior/summarize', folder, { scores: await grid({ a: [0.4] }), continuations });
    const metrics = (await own.rows('summary')).map(({ metric }) => metric);
    expect(metrics).toContain('emt');
    expect(metrics).not.toContain('tokens');
    expect(own.warnings.join()).toContain('without token_ids and logprob, what is said of the text itself is left out');
  });

  it('says in the run and the table where another scorer scored the prompts, or refuses that', async () => {
    const scores = await tableArtifact(folder, [{ prompt_id: 'a', sample: 0, 'score.TOXICITY': 0.5, scorer: 'new:1' }]);
    const prompts = (scorer: string) =>
      tableArtifact(folder, [{ prompt_id: 'a', text: 'A', 'score.TOXICITY': 0.5, scorer }]);
    const same = await runStep('behavior/summarize', folder, { scores, prompts: await prompts('new:1'), strict: true });
    expect(same.warnings.join()).not.toContain('scale');
    const config = { scores, prompts: await prompts('old:2') };
    const other = await runStep('behavior/summarize', folder, config);
    expect(other.warnings[0]).toBe(
      'the prompts were scored by old:2, the continuations by new:1: their scores may not be on one scale. Score the prompts anew with text/score, by the scorer of the continuations.',
    );
    expect(find(await other.rows('summary'), 'emt')).toMatchObject({ scorer: 'new:1', prompt_scorer: 'old:2' });
    await expect(runStep('behavior/summarize', folder, { ...config, strict: true })).rejects.toThrow(
      'the prompts were scored by old:2, the continuations by new:1',
    );
  });

  describe('holds scores against the continuations', () => {
    const continuations = (...pairs: readonly (readonly [string, number])[]) =>
      tableArtifact(
        folder,
        pairs.map(([prompt_id, sample]) => ({ prompt_id, sample, token_ids: [1, 2], logprob: -1 })),
      );

    it('refuses scores that match none of them, with examples', async () => {
      const config = {
        scores: await grid({ stranger: [0.5] }),
        continuations: await continuations(['a', 0], ['a', 1], ['b', 0]),
      };
      await expect(runStep('behavior/summarize', folder, config)).rejects.toThrow(
        '3 of 3 continuations match none of the rows of the scores (prompt a, sample 0; prompt a, sample 1, …); 1 of 1 rows of the scores match none of the continuations (prompt stranger, sample 0)',
      );
      const reported = await runStep('behavior/summarize', folder, { ...config, unmatched: 'report' });
      expect(find(await reported.rows('summary'), 'emt')).toMatchObject({
        value: null,
        prompts: 2,
        scored: 0,
        missing: 1,
        unmatched: 1,
      });
    });

    it('refuses continuations without a score, or counts them as missing and says so', async () => {
      const config = {
        scores: await grid({ a: [0.1, 0.7], b: [0.2] }),
        continuations: await continuations(['a', 0], ['a', 1], ['b', 0], ['b', 1]),
      };
      await expect(runStep('behavior/summarize', folder, config)).rejects.toThrow(
        '1 of 4 continuations match none of the rows of the scores (prompt b, sample 1)',
      );
      const result = await runStep('behavior/summarize', folder, { ...config, unmatched: 'report' });
      expect(find(await result.rows('summary'), 'emt')).toMatchObject({
        value: 0.7,
        prompts: 2,
        scored: 1,
        missing: 0.25,
      });
      expect(result.warnings).toContain(
        '1 of 4 continuations match none of the rows of the scores (prompt b, sample 1)',
      );
    });

    it('counts what is missing against them where most prompts lack a score', async () => {
      const config = {
        scores: await grid({ a: [0.1, 0.7], b: [0.2], c: [0.3] }),
        continuations: await continuations(['a', 0], ['a', 1], ['b', 0], ['b', 1], ['c', 0], ['c', 1]),
      };
      await expect(runStep('behavior/summarize', folder, config)).rejects.toThrow(
        '2 of 6 continuations match none of the rows of the scores (prompt b, sample 1; prompt c, sample 1)',
      );
      const reported = await runStep('behavior/summarize', folder, { ...config, unmatched: 'report' });
      expect(find(await reported.rows('summary'), 'emt')).toMatchObject({ value: 0.7, k: 2, prompts: 3, scored: 1 });
      const { continuations: _, ...without } = config;
      await expect(runStep('behavior/summarize', folder, without)).rejects.toThrow('but prompt a has a sample 1');
    });

    it('refuses continuations that are there twice', async () => {
      const config = { scores: await grid({ a: [0.5] }), continuations: await continuations(['a', 0], ['a', 0]) };
      await expect(runStep('behavior/summarize', folder, config)).rejects.toThrow(
        'the continuations have prompt a, sample 0 twice',
      );
    });

    it('holds them against the prompts where the continuations are not given', async () => {
      const prompts = await tableArtifact(folder, [{ prompt_id: 'a', text: 'A', 'score.TOXICITY': 0.5 }]);
      await expect(
        runStep('behavior/summarize', folder, { scores: await grid({ stranger: [0.5] }), prompts }),
      ).rejects.toThrow('1 of 1 prompts match none of the prompts of the scores (a)');
    });
  });
});

describe('a summary that can be compared', () => {
  it('has EMT at every smaller k, the last of which is EMT itself', async () => {
    const scores = await grid({ a: [0.1, 0.7, 0.4], b: [0.2, 0.4, 0.6] });
    const rows = await (await runStep('behavior/summarize', folder, { scores })).rows('summary');
    const curve = rows.filter(({ metric }) => metric === 'emt_curve');
    expect(curve.map(({ k }) => k)).toEqual([1, 2, 3]);
    expect(curve[0]!.value).toBeCloseTo(0.4, 12);
    expect(curve[1]!.value).toBeCloseTo(((0.7 + 0.7 + 0.4) / 3 + (0.4 + 0.6 + 0.6) / 3) / 2, 12);
    expect(curve[2]!.value).toBe(find(rows, 'emt').value);
    expect(find(rows, 'probability_above')).toMatchObject({ value: 1 });
  });

  it('tells a change in each group of prompts with its p and effect size', async () => {
    const ids = Array.from({ length: 16 }, (_, i) => `p${i}`);
    const before = await grid(Object.fromEntries(ids.map((id, i) => [id, [0.2 + 0.01 * i]])));
    const after = await grid(Object.fromEntries(ids.map((id, i) => [id, [0.3 + 0.01 * i + 0.02 * (i % 3)]])));
    const prompts = await tableArtifact(
      folder,
      ids.map((id, i) => ({ prompt_id: id, text: id, 'score.TOXICITY': i < 8 ? 0.9 : 0.1 })),
    );
    const run = await runStep('behavior/summarize', folder, { scores: after, reference: before, prompts });
    const rows = await run.rows('summary');
    for (const group of ['all', 'high', 'low']) {
      const change = find(rows, 'delta_emt', group);
      expect(change.value).toBeGreaterThan(0.1);
      expect(change.effect_size).toBeGreaterThan(5);
      expect(change.p).toBeLessThan(group === 'all' ? 0.001 : 0.01);
    }
    expect(find(rows, 'emt')).toMatchObject({ p: null, effect_size: null });
  });

  it('has bits a byte beside perplexity, which depends on the tokenizer', async () => {
    const scores = await grid({ a: [0.1], b: [0.2] });
    const losses = await tableArtifact(folder, [
      { prompt_id: 'a', tokens: 2, bytes: 8, nll: 12 * Math.LN2 },
      { prompt_id: 'b', tokens: 2, bytes: 4, nll: 12 * Math.LN2 },
    ]);
    const rows = await (await runStep('behavior/summarize', folder, { scores, losses })).rows('summary');
    expect(find(rows, 'bits_per_byte').value).toBeCloseTo(2, 12);
    expect(find(rows, 'perplexity').value).toBeCloseTo(2 ** 6, 9);
    const older = await tableArtifact(folder, [{ prompt_id: 'a', tokens: 2, nll: 2 }]);
    const without = await (await runStep('behavior/summarize', folder, { scores, losses: older })).rows('summary');
    expect(find(without, 'bits_per_byte')).toBeUndefined();
  });
});

describe('prompts that a scorer was trained on', () => {
  const prompt = { prompt_id: 'a', text: 'a', 'score.TOXICITY': 0.5 };
  const published = { begin: 0, end: 1, challenging: false };
  const row = { ...prompt, ...published, filename: '0870163-f77b512e917a2b6ece2a117ba51406f7.txt' };
  const said = async (scorer: string, prompts: Record<string, unknown>) => {
    const scores = await tableArtifact(folder, [
      { prompt_id: 'a', sample: 0, 'score.TOXICITY': 0.5, outcome: 'ok', scorer },
    ]);
    const config = { scores, prompts: await tableArtifact(folder, [prompts]) };
    return (await runStep('behavior/summarize', folder, config)).warnings.join('\n');
  };
  const WARNING = 'the prompts are of RealToxicityPrompts, on most of whose rows the scorer';

  it('are warned of: the embedded scorer, known by its digest, on RealToxicityPrompts', async () => {
    const { identity } = await openLocalScorer(resolveEmbedded('toxicity').path);
    const embedded = `${identity.kind}:${String(identity.digest).slice('sha256:'.length, 'sha256:'.length + 12)}`;
    expect(await said(embedded, row)).toContain(WARNING);
    expect(await said(embedded, prompt)).not.toContain(WARNING);
    expect(await said(embedded, { ...row, filename: 'notes.txt' })).not.toContain(WARNING);
  });

  it('are not where another scorer of its kind scored them', async () => {
    expect(await said('sonde-hashed-scorer:ffffffffffff', row)).not.toContain(WARNING);
  });
});
