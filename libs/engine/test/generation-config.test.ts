import { readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type GenerationOptions, generate, type Model, openModel, unfollowed } from '../src/index.ts';
import { goldenModel, readGolden } from './goldens.ts';
import { plain, scratch, writeTiny } from './tiny.ts';

/** What transformers' `generate` gives, greedily; `tools/goldens/generation.py` writes it. */
interface Goldens {
  readonly golden: string;
  /** In tokens: bytes, behind the one that begins a text. */
  readonly prompts: readonly (readonly number[])[];
  readonly length: number;
  readonly cases: readonly {
    readonly name: string;
    readonly file: Record<string, unknown> | null;
    readonly config: Record<string, unknown>;
    readonly tokens: readonly (readonly number[])[];
  }[];
}

const goldens: Goldens = JSON.parse(readFileSync(join(import.meta.dirname, 'generation-config.json'), 'utf8'));
const prompts = goldens.prompts.map((ids, i) => plain(`p${i}`, Buffer.from(ids.slice(1)).toString()));
const greedy = { do_sample: false, max_new_tokens: goldens.length } as const;

let files: Awaited<ReturnType<typeof scratch>>;
let count = 0;
beforeAll(async () => {
  files = await scratch();
});
afterAll(() => files.remove());

/** Opens the golden's checkpoint with a generation_config.json, or without one. */
async function open(file: Record<string, unknown> | null, config: Record<string, unknown> = {}): Promise<Model> {
  const folder = await writeTiny(files.path(`m${count++}`), { model: goldenModel(readGolden(goldens.golden)), config });
  const path = join(folder, 'generation_config.json');
  await (file ? writeFile(path, JSON.stringify(file)) : rm(path));
  return openModel(folder, { threads: 1, device: 'cpu' });
}

async function tokens(model: Model, options: GenerationOptions): Promise<(readonly number[])[]> {
  return (await generate(model, prompts, options)).continuations.map(({ tokenIds }) => tokenIds);
}

describe('followed, generation_config.json gives the tokens that transformers gives', () => {
  test.each(goldens.cases)('$name', async ({ file, config, tokens: expected }) => {
    const model = await open(file, config);
    expect(await tokens(model, { ...greedy, follow_generation_config: true })).toEqual(expected);
    await model.close();
  });
});

test('more tokens before an end than there are, in a file, leave no end', async () => {
  const first = await open({});
  const [[eos]] = (await tokens(first, greedy)) as [[number]];
  const model = await open({ eos_token_id: eos, min_new_tokens: 5000 });
  const found = await tokens(model, { ...greedy, follow_generation_config: true });
  expect(found.map(({ length }) => length)).toEqual(prompts.map(() => goldens.length));
  expect(found.flat()).not.toContain(eos);
  await Promise.all([first.close(), model.close()]);
});

describe('the rules as options', () => {
  const rules = goldens.cases.filter(
    ({ file }) => file !== null && Object.keys(file).some((name) => name !== 'eos_token_id'),
  );
  test.each(rules)('$name', async ({ file, tokens: expected }) => {
    const { eos_token_id, ...options } = file!;
    if (Array.isArray(options.suppress_tokens))
      options.suppress_tokens = options.suppress_tokens.filter((id) => id < 258);
    const model = await open(eos_token_id === undefined ? {} : { eos_token_id });
    expect(await tokens(model, { ...greedy, ...options })).toEqual(expected);
    await model.close();
  });

  test('hold where tokens are drawn, and leave the log-probability what it is under the whole distribution', async () => {
    const model = await open({});
    const allowed = [70, 71];
    const suppress_tokens = Array.from({ length: 258 }, (_, id) => id).filter((id) => !allowed.includes(id));
    const drawn = await generate(model, prompts, { num_return_sequences: 20, suppress_tokens, max_new_tokens: 4 });
    const seen = new Set(drawn.continuations.flatMap(({ tokenIds }) => tokenIds));
    expect([...seen].sort()).toEqual(allowed);
    const forced = await generate(model, prompts, { suppress_tokens, do_sample: false, max_new_tokens: 4 });
    for (const { logprob } of [...drawn.continuations, ...forced.continuations]) expect(logprob).toBeLessThan(-4);
    await model.close();
  });

  test('that leave no token say so', async () => {
    const model = await open({});
    const suppress_tokens = Array.from({ length: 258 }, (_, id) => id);
    await expect(generate(model, prompts, { suppress_tokens })).rejects.toThrow(
      'Prompt "p2" cannot go on after 0 tokens',
    );
    await expect(generate(model, prompts, { suppress_tokens: [258] })).rejects.toThrow('suppress_tokens has 258');
    await expect(generate(model, prompts, { bad_words_ids: [[]] })).rejects.toThrow('a word of no tokens');
    await expect(generate(model, prompts, { min_new_tokens: 30 })).rejects.toThrow('from 0 to max_new_tokens, 20');
    await model.close();
  });
});

describe('what a file asks for and a run does otherwise', () => {
  const asking = {
    eos_token_id: 257,
    repetition_penalty: 1.1,
    temperature: 0.6,
    top_p: 0.9,
    top_k: 50,
    do_sample: true,
    forced_eos_token_id: 3,
    num_beams: 1,
    max_length: 4096,
  };

  test('is named, but for what the options say too', async () => {
    const model = await open(asking);
    expect(unfollowed(model, {})).toEqual([
      'repetition_penalty 1.1',
      'forced_eos_token_id 3',
      'temperature 0.6',
      'top_k 50',
      'top_p 0.9',
    ]);
    expect(unfollowed(model, { repetition_penalty: 1.1, temperature: 0.6, top_p: 0.9, top_k: 50 })).toEqual([
      'forced_eos_token_id 3',
    ]);
    expect(unfollowed(model, { do_sample: false })).toEqual([
      'repetition_penalty 1.1',
      'forced_eos_token_id 3',
      'do_sample true',
    ]);
    await model.close();
  });

  test('is nothing where it names no more than the end', async () => {
    const model = await open({ eos_token_id: 257 });
    expect(unfollowed(model, { temperature: 0.5 })).toEqual([]);
    await model.close();
  });

  test('is refused by name where it is to be followed and cannot be', async () => {
    const model = await open(asking);
    await expect(generate(model, prompts, { follow_generation_config: true })).rejects.toThrow(
      'generation_config.json asks for what is not supported: forced_eos_token_id 3.',
    );
    await model.close();
  });

  test('is refused by name where it is of another type', async () => {
    await expect(open({ eos_token_id: 'end' })).rejects.toThrow(
      'generation_config.json: eos_token_id is "end"; expected a token id or a list of them.',
    );
    const model = await open({ bad_words_ids: [3] });
    expect(() => unfollowed(model, {})).toThrow('bad_words_ids is [3]; expected a list of lists of token ids.');
    await model.close();
  });
});
