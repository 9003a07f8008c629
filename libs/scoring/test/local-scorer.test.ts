import { copyFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UserError } from '@sonde/base';
import { openSafetensors, readTensor, type Tensor, type TensorEntry, writeSafetensors } from '@sonde/tensors';
import { afterEach, describe, expect, it } from 'vitest';
import { ATTRIBUTES, type Attribute, listScorerFiles, openLocalScorer, scoreTexts } from '../src/index.ts';

const FOLDER = fileURLToPath(new URL('../../embedded/assets/scorers/toxicity', import.meta.url));
const scorer = await openLocalScorer(FOLDER);

async function scoresOf(text: string): Promise<Record<Attribute, number>> {
  const [outcome] = await scorer.score([text]);
  if (outcome?.outcome !== 'ok') throw new Error(`"${text}" was not scored: ${outcome?.outcome}`);
  return Object.fromEntries(ATTRIBUTES.map((name, j) => [name, outcome.scores[j]])) as Record<Attribute, number>;
}

describe('the embedded scorer', () => {
  it('gives the scores that the reference in numpy gives', async () => {
    const fixture = new URL('fixtures/scores.json', import.meta.url);
    const expected = JSON.parse(readFileSync(fixture, 'utf8')) as { text: string; scores: number[] }[];
    const outcomes = await scoreTexts(
      scorer,
      expected.map(({ text }) => text),
    );
    for (const [i, { text, scores }] of expected.entries()) {
      const outcome = outcomes[i]!;
      expect(outcome.outcome, text).toBe('ok');
      if (outcome.outcome !== 'ok') continue;
      // The token cache keeps float32, the reference float64.
      for (const [j, score] of outcome.scores.entries()) {
        expect(Math.abs(score! - scores[j]!), `${text} ${ATTRIBUTES[j]}`).toBeLessThan(2e-6);
      }
    }
  });

  it('gives the recorded scores to the last digit', async () => {
    expect(
      await scorer.score(['Good morning, how are you today?', 'I will break your legs if you come back here.']),
    ).toEqual([
      { outcome: 'ok', scores: [0.137781, 0.042431, 0.09498, 0.065005, 0.048659, 0.116272] },
      { outcome: 'ok', scores: [0.824341, 0.145256, 0.884023, 0.526636, 0.104088, 0.232538] },
    ]);
  });

  it('ranks texts by what they do', async () => {
    const greeting = await scoresOf('Good morning, how are you today?');
    const threat = await scoresOf('I am going to kill you.');
    const insult = await scoresOf('You are an idiot and everybody knows it.');
    const thanks = await scoresOf('Thank you so much for your help, it was a lovely evening.');
    const swearing = await scoresOf('What the fuck is this shit');
    expect(threat.THREAT).toBeGreaterThan(0.5);
    expect(threat.THREAT).toBeGreaterThan(insult.THREAT);
    expect(insult.INSULT).toBeGreaterThan(0.5);
    expect(insult.TOXICITY).toBeGreaterThan(0.5);
    expect(swearing.PROFANITY).toBeGreaterThan(0.5);
    for (const name of ATTRIBUTES) {
      expect(greeting[name], name).toBeLessThan(0.3);
      expect(thanks[name], name).toBeLessThan(0.3);
    }
  });

  it('gives the same score to a text whatever was scored before and beside it', async () => {
    const texts = Array.from({ length: 17_000 }, (_, i) => `word${i} and other${i * 7} things`);
    const alone = await scoresOf('I will find you, you coward!');
    // More distinct words than the scorer keeps.
    const outcomes = await scorer.score([...texts, 'I will find you, you coward!']);
    const last = outcomes.at(-1)!;
    expect(last.outcome === 'ok' && last.scores).toEqual(ATTRIBUTES.map((name) => alone[name]));
  });

  it('gives scores in [0, 1] with at most six decimals', async () => {
    const { TOXICITY } = await scoresOf('fuck '.repeat(4000));
    expect(TOXICITY).toBeLessThanOrEqual(1);
    for (const value of Object.values(await scoresOf('Bring me the blue kettle!'))) {
      expect(Math.round(value * 1e6) / 1e6).toBe(value);
    }
  });

  it('gives no number to an empty or too long text', async () => {
    expect(await scorer.score(['', ' \n\t ', '\u200b\u00ad'])).toEqual([
      { outcome: 'empty' },
      { outcome: 'empty' },
      { outcome: 'empty' },
    ]);
    const [long, longest] = await scorer.score(['a '.repeat(10_241), 'a '.repeat(10_240)]);
    expect(long).toEqual({ outcome: 'too_long', detail: '20482 UTF-16 units; at most 20480 are scored' });
    expect(longest?.outcome).toBe('ok');
  });

  it('is identified by the contents of its files', async () => {
    expect(scorer.identity.kind).toBe('sonde-hashed-scorer');
    expect(scorer.identity.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(scorer.attributes).toEqual(ATTRIBUTES);
    expect(listScorerFiles(FOLDER).map((path) => basename(path))).toContain('config.json');
  });
});

describe('a folder that is not a whole scorer', () => {
  const made: string[] = [];
  afterEach(() => {
    for (const folder of made.splice(0)) rmSync(folder, { recursive: true });
  });
  const copy = () => {
    const folder = mkdtempSync(join(tmpdir(), 'sonde-scorer-'));
    made.push(folder);
    for (const path of listScorerFiles(FOLDER)) copyFileSync(path, join(folder, basename(path)));
    return folder;
  };

  it('opens as a copy with the same identity', async () => {
    expect((await openLocalScorer(copy())).identity).toEqual(scorer.identity);
  });

  it('scores alike with one hidden unit more that no score asks for', async () => {
    const folder = copy();
    const file = join(folder, 'network.safetensors');
    const network = await openSafetensors(file);
    const [window, bias, output] = await Promise.all(
      ['window.weight', 'window.bias', 'output.weight'].map((name) => readTensor(network, name)),
    );
    const [places = 0, d = 0, h = 0] = window!.shape;
    const [, k = 0] = output!.shape;
    /** Rows of so many numbers, with so many more behind each. */
    const longer = ({ data }: Tensor, width: number, more: number, fill: number): Float32Array => {
      const rows = Array.from({ length: data.length / width }, (_, row) => [
        ...Array.from(data.slice(row * width, (row + 1) * width), Number),
        ...Array<number>(more).fill(fill),
      ]);
      return Float32Array.from(rows.flat());
    };
    const tensors: Record<string, TensorEntry> = {
      'capitals.embedding': await readTensor(network, 'capitals.embedding'),
      'window.weight': { dtype: 'F32', shape: [places, d, h + 1], data: longer(window!, h, 1, 1) },
      'window.bias': { dtype: 'F32', shape: [h + 1], data: longer(bias!, h, 1, 1) },
      'output.weight': { dtype: 'F32', shape: [2 * (h + 1), k], data: longer(output!, h * k, k, 0) },
      'output.bias': await readTensor(network, 'output.bias'),
    };
    await writeSafetensors(file, tensors);
    const texts = ['You IDIOT', 'Good morning, how are you today?', 'x'];
    expect((await openLocalScorer(folder)).score(texts)).toEqual(scorer.score(texts));
  });

  it('is named with the file that is missing', async () => {
    const folder = copy();
    rmSync(join(folder, 'network.safetensors'));
    await expect(openLocalScorer(folder)).rejects.toThrow(UserError);
    await expect(openLocalScorer(folder)).rejects.toThrow(/network\.safetensors: there is no such file/);
  });

  it('is named with the file that was cut short', async () => {
    const folder = copy();
    truncateSync(join(folder, 'ngram-weights.safetensors'), 1000);
    await expect(openLocalScorer(folder)).rejects.toThrow(UserError);
    await expect(openLocalScorer(folder)).rejects.toThrow(/ngram-weights\.safetensors/);
  });

  it('is refused when its tables are not of one model', async () => {
    const folder = copy();
    copyFileSync(join(FOLDER, 'network.safetensors'), join(folder, 'token-weights.safetensors'));
    await expect(openLocalScorer(folder)).rejects.toThrow(/token-weights\.safetensors: no tensor "token\.weight"/);
  });

  it.each([
    ['{', /not JSON/],
    ['{"format":"other"}', /the format is "other"/],
    ['{"format":"sonde-hashed-scorer","version":9}', /the version is 9/],
    ['{"format":"sonde-hashed-scorer","version":1,"attributes":["NICE"]}', /"attributes" is \["NICE"\]/],
  ])('is refused with the config %s', async (config, message) => {
    const folder = copy();
    writeFileSync(join(folder, 'config.json'), config);
    await expect(openLocalScorer(folder)).rejects.toThrow(message);
  });
});
