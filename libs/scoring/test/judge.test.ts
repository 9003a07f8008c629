import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openScorer, scoreTexts } from '../src/index.ts';
import { artifactOf, context } from './opening.ts';

interface Golden {
  readonly model: string;
  readonly chat_template: string;
  readonly cases: readonly {
    readonly template: string;
    readonly answers: Readonly<Record<string, number>>;
    readonly system: string | null;
    readonly chat: boolean;
    readonly rows: readonly { readonly text: string; readonly tokens: number; readonly score: number }[];
  }[];
}

const golden = JSON.parse(readFileSync(join(import.meta.dirname, 'goldens', 'judge.json'), 'utf8')) as Golden;
const plain = resolve(import.meta.dirname, '../../embedded/assets/models', golden.model);
const CONTEXT = 256;

/** The same model with a chat template. */
let chatty: string;
beforeAll(() => {
  chatty = mkdtempSync(join(tmpdir(), 'sonde-judge-'));
  cpSync(plain, chatty, { recursive: true });
  writeFileSync(join(chatty, 'chat_template.jinja'), golden.chat_template);
});
afterAll(() => rmSync(chatty, { recursive: true }));

function open(config: object, folder = plain) {
  return openScorer({ kind: 'lm', model: artifactOf(folder), ...config }, context);
}

describe('a language model as judge', () => {
  it.each(golden.cases)('of “$template” gives the probabilities of transformers, in any batch', async (one) => {
    const { template, answers, system, chat, rows } = one;
    const range = Math.max(...Object.values(answers)) - Math.min(...Object.values(answers));
    const scorer = await open({ template, answers, chat, ...(system !== null && { system }) }, chatty);
    try {
      const together = await scorer.score(rows.map(({ text }) => text));
      for (const [i, { text, tokens, score }] of rows.entries()) {
        const alone = (await scorer.score([text]))[0]!;
        for (const outcome of [together[i]!, alone]) {
          expect(outcome.outcome).toBe(tokens < CONTEXT ? 'ok' : 'too_long');
          // Weights of the answers are held to 1e-5: a score to as much of its scale.
          if ('scores' in outcome) expect(Math.abs(outcome.scores[0]! - score)).toBeLessThan(1e-5 * range);
        }
      }
    } finally {
      await scorer.close?.();
    }
  });

  it('asks by its chat template where it has one, and has several questions scored at once', async () => {
    const template = { TOXICITY: 'Is “{text}” rude?', INSULT: 'Is it an insult: {text}?' };
    const answers = [' Yes', ' No'];
    const [withChat, without] = [await open({ template, answers }, chatty), await open({ template, answers })];
    expect([withChat.identity.chat, without.identity.chat]).toEqual([true, false]);
    expect(withChat.attributes).toEqual(['TOXICITY', 'INSULT']);
    expect(withChat.identity.digest).not.toBe(without.identity.digest);
    const [one, empty, odd] = await scoreTexts(withChat, ['a fool', ' \n', '\ud800\0\u200f ok']);
    expect(one).toMatchObject({ outcome: 'ok', scores: [expect.any(Number), expect.any(Number)] });
    expect(empty).toEqual({ outcome: 'empty' });
    expect(odd!.outcome).toBe('ok');
    await Promise.all([withChat.close?.(), without.close?.()]);
  });

  it('has template and answers in its identity', async () => {
    const digests = new Set<unknown>();
    for (const [template, answers] of [
      ['{text}?', [' yes', ' no']],
      ['{text}!', [' yes', ' no']],
      ['{text}?', [' no', ' yes']],
      ['{text}?', { ' yes': 0.5, ' no': 0 }],
    ]) {
      const scorer = await open({ template, answers });
      digests.add(scorer.identity.digest);
      await scorer.close?.();
    }
    expect(digests.size).toBe(4);
  });

  it('asks nothing where only kept answers count, and is still the same judge', async () => {
    const asking = { template: '{text}?', answers: [' yes', ' no'] };
    const [judge, kept] = [await open(asking), await open({ ...asking, record: 'only' })];
    expect([kept.identity, kept.onlyKept]).toEqual([judge.identity, true]);
    expect(await kept.score(['a fool', ' '])).toEqual([{ outcome: 'not_recorded' }, { outcome: 'empty' }]);
    await judge.close?.();
  });

  it('runs on the device that it is given', async () => {
    const config = { kind: 'lm', model: artifactOf(plain), template: '{text}?', answers: [' yes', ' no'] };
    const scorer = openScorer(config, { ...context, device: 'tpu' });
    await expect(scorer).rejects.toThrow('There is no device "tpu"; expected one of cpu, cuda, webgpu.');
  });

  it('refuses answers that its tokenizer takes for one, or of which one begins the other', async () => {
    const template = '{text}';
    await expect(open({ template, answers: ['\ud800', '\ud801'] })).rejects.toThrow(/is to its tokenizer the same as/);
    await expect(open({ template, answers: ['1', '10', '2'] })).rejects.toThrow(
      /"1" .* is to its tokenizer the beginning of "10"/,
    );
    await expect(open({ template, answers: ['a', 'b'], chat: true })).rejects.toThrow(/has no chat template/);
  });
});
