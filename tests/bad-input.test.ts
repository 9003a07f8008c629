import { cp, mkdir, readFile, rename, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { resolveEmbedded } from '@sonde/embedded';
import { readTable, rows } from '@sonde/tables';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Ended, sonde, temporaryFolder } from './sonde.ts';

let folder: string;
let remove: () => Promise<void>;
beforeAll(async () => ({ folder, remove } = await temporaryFolder()));
afterAll(() => remove());

const reference = (name: string): string => `\${{ ${name} }}`;

/** The shortest pipeline that generates, scores and probes prompts of a file. */
const experiment = (model = 'embedded:parlour-base'): string => `sonde: 1
name: bad
params: { file: null }
steps:
  prompts: { uses: prompts/sample, with: { source: "${reference('params.file')}" } }
  continuations:
    uses: text/generate
    with: { model: "${model}", prompts: "${reference('steps.prompts.outputs.prompts')}", num_return_sequences: 2, max_new_tokens: 5, capture: {} }
  scores: { uses: text/score, with: { scorer: embedded:toxicity, texts: "${reference('steps.continuations.outputs.continuations')}" } }
  behavior: { uses: behavior/summarize, with: { scores: "${reference('steps.scores.outputs.scores')}", prompts: "${reference('steps.prompts.outputs.prompts')}" } }
  probes:
    uses: probe/train
    with: { states: "${reference('steps.continuations.outputs.states')}", prompts: "${reference('steps.prompts.outputs.prompts')}", scores: "${reference('steps.scores.outputs.scores')}", baselines: [], penalties: [10] , folds: 2 }
outputs: { behavior: "${reference('steps.behavior.outputs.summary')}", probes: "${reference('steps.probes.outputs.scores')}" }
`;

/** One clear message, never a stack trace. */
const expectMessage = ({ status, stderr, stdout }: Ended, code: number, message: string | RegExp): void => {
  expect(stderr).toMatch(message);
  expect(stderr + stdout).not.toMatch(/^\s+at .*:\d+:\d+/m);
  expect(status).toBe(code);
};

const runText = async (text: string, ...args: string[]): Promise<Ended> => {
  await writeFile(path.join(folder, 'p.yaml'), text);
  return sonde(folder, ['run', 'p.yaml', ...args]);
};

const runOn = async (name: string, lines: readonly unknown[], model?: string): Promise<Ended> => {
  await writeFile(
    path.join(folder, name),
    lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n'),
  );
  return runText(experiment(model), '--set', `file=${name}`);
};

const scored = (value: number | null) =>
  Array.from({ length: 12 }, (_, i) => ({ text: `The neighbour said ${i}`, 'score.TOXICITY': value }));

describe('an invalid pipeline ends with 2, at its place in the file', () => {
  it('a typo in a key, with the nearest name', async () => {
    expectMessage(
      await runText(experiment().replace('num_return_sequences', 'num_return_sequence'), '--set', 'file=p.yaml'),
      2,
      /p\.yaml:8:\d+: error SND104[\s\S]*did you mean `num_return_sequences`/,
    );
  });
  it('a wrong type', async () => {
    expectMessage(
      await runText(experiment().replace('max_new_tokens: 5', 'max_new_tokens: five'), '--set', 'file=p.yaml'),
      2,
      'expected integer, found string "five"',
    );
  });
  it('a missing file', async () => {
    expectMessage(await runText(experiment(), '--set', 'file=nowhere.jsonl'), 2, 'there is no file or folder');
  });
  it('a cycle, with its path', async () => {
    const step = (name: string, needs: string) =>
      `  ${name}: { uses: table/concat, with: { tables: "${reference(`steps.${needs}.outputs.table`)}" } }\n`;
    expectMessage(await runText(`sonde: 1\nname: bad\nsteps:\n${step('a', 'b')}${step('b', 'a')}`), 2, 'a → b → a');
  });
  it('a model folder without weights', async () => {
    await mkdir(path.join(folder, 'no-weights'));
    for (const name of ['config.json', 'tokenizer.json'])
      await cp(path.join(resolveEmbedded('parlour-base').path, name), path.join(folder, 'no-weights', name));
    expectMessage(await runOn('one.jsonl', scored(0.5), 'no-weights'), 2, /no-weights.*safetensors/);
  });
  it('an option that does not exist', async () => {
    expectMessage(await sonde(folder, ['run', 'p.yaml', '--job', '2']), 2, 'Did you mean --jobs?');
  });
});

describe('bad data ends with 1 and says where', () => {
  it('a broken line 317', async () => {
    const lines: unknown[] = Array.from({ length: 400 }, (_, i) => ({ text: `row ${i}` }));
    lines[316] = '{"text": "broken';
    expectMessage(await runOn('broken.jsonl', lines), 1, /broken\.jsonl:317: not JSON/);
  });
  it('zero prompts', async () => {
    expectMessage(await runOn('zero.jsonl', []), 1, 'zero.jsonl is empty');
  });
  it('a prompt longer than the context, by its id and lengths', async () => {
    expectMessage(
      await runOn('long.jsonl', [{ text: 'word '.repeat(3000) }]),
      1,
      /Prompt "[0-9a-f]{16}" has \d+ tokens; .* context of 256/,
    );
  });
  it('truncated weights', async () => {
    const cut = path.join(folder, 'cut');
    await cp(resolveEmbedded('parlour-base').path, cut, { recursive: true });
    await truncate(path.join(cut, 'model.safetensors'), 5000);
    expectMessage(await runOn('two.jsonl', scored(0.5), 'cut'), 1, /model\.safetensors/);
  });
});

describe('a model that is not what it says ends with 1 and names the file, weight or layer', () => {
  const changed = async (name: string, change: (folder: string) => Promise<unknown>): Promise<Ended> => {
    const copy = path.join(folder, name);
    await cp(resolveEmbedded('parlour-base').path, copy, { recursive: true });
    await change(copy);
    return runOn('model.jsonl', scored(0.5), name);
  };
  const setConfig = (values: object) => async (copy: string) => {
    const file = path.join(copy, 'config.json');
    await writeFile(file, JSON.stringify({ ...JSON.parse(await readFile(file, 'utf8')), ...values }));
  };
  const edit = (name: string, change: (bytes: Buffer) => Buffer) => async (copy: string) => {
    const file = path.join(copy, name);
    await writeFile(file, change(await readFile(file)));
  };

  it('a configuration that lies about its sizes', async () => {
    expectMessage(
      await changed('wide', setConfig({ hidden_size: 64 })),
      1,
      /wide\/model\.safetensors: "model\.embed_tokens\.weight" has shape \[640, 48\]; the configuration makes it \[640, 64\]/,
    );
    expectMessage(await changed('deep', setConfig({ num_hidden_layers: 1e9 })), 1, /would have 1000000000 layers/);
  });
  it('a header of 2^60 bytes', async () => {
    const huge = edit('model.safetensors', (bytes) => {
      bytes.writeBigUInt64LE(2n ** 60n);
      return bytes;
    });
    expectMessage(await changed('huge', huge), 1, /the header claims 1152921504606846976 bytes/);
  });
  it('a weight that is not a number', async () => {
    const broken = edit('model.safetensors', (bytes) => {
      const start = 8 + Number(bytes.readBigUInt64LE());
      const header = JSON.parse(bytes.subarray(8, start).toString()) as Record<string, { data_offsets: number[] }>;
      bytes.writeUInt16LE(0x7fc0, start + header['model.layers.2.mlp.up_proj.weight']!.data_offsets[0]!);
      return bytes;
    });
    expectMessage(await changed('nan', broken), 1, /"model\.layers\.2\.mlp\.up_proj\.weight" in .* holds NaN/);
  });
  it('an empty configuration', async () => {
    expectMessage(
      await changed(
        'empty',
        edit('config.json', () => Buffer.alloc(0)),
      ),
      1,
      /config\.json is empty/,
    );
  });
  it('weights in a format that is not read', async () => {
    const renamed = await changed('pickle', (copy) =>
      rename(path.join(copy, 'model.safetensors'), path.join(copy, 'pytorch_model.bin')),
    );
    expectMessage(renamed, 2, /pytorch_model\.bin is not read; use the repository's safetensors/);
  });
});

describe('a request that does not fit says so', () => {
  const ask = (change: (text: string) => string): Promise<Ended> =>
    runText(change(experiment()), '--set', 'file=fit.jsonl');
  beforeAll(() =>
    writeFile(
      path.join(folder, 'fit.jsonl'),
      scored(0.5)
        .map((row) => JSON.stringify(row))
        .join('\n'),
    ),
  );

  it('no samples, or several greedy ones', async () => {
    const samples = 'num_return_sequences: 2';
    expectMessage(await ask((text) => text.replace(samples, 'num_return_sequences: 0')), 2, 'must be 1 or more');
    expectMessage(await ask((text) => text.replace(samples, `${samples}, do_sample: false`)), 2, 'greedy decoding');
  });
  it('a layer out of range', async () => {
    const message = 'Layer 5 does not exist; the model has layers 0 to 4';
    expectMessage(await ask((text) => text.replace('capture: {}', 'capture: { layers: [5] }')), 1, message);
  });
  it('more new tokens than the context holds', async () => {
    const many = await ask((text) => text.replace('max_new_tokens: 5', 'max_new_tokens: 400'));
    expectMessage(many, 1, /with 400 new ones that is more than the model's context of 256/);
  });
  it('an adapter for another model', async () => {
    const adapted = '{ ref: embedded:parlour-base-large, adapter: embedded:parlour-rude-detox }';
    expectMessage(
      await ask((text) => text.replace('"embedded:parlour-base"', adapted)),
      1,
      /adapter_model\.safetensors: .* Is the adapter for another model\?/,
    );
  });
  it('states of other prompts to replace by', async () => {
    await writeFile(path.join(folder, 'elsewhere.jsonl'), JSON.stringify({ text: 'Something else' }));
    const patched = `sonde: 1
name: bad
steps:
  prompts: { uses: prompts/sample, with: { source: fit.jsonl } }
  elsewhere: { uses: prompts/sample, with: { source: elsewhere.jsonl } }
  states: { uses: activations/capture, with: { model: embedded:parlour-base, prompts: "${reference('steps.elsewhere.outputs.prompts')}", pool: [tokens] } }
  patched:
    uses: text/generate
    with: { model: embedded:parlour-base, prompts: "${reference('steps.prompts.outputs.prompts')}", interventions: [{ kind: replace, layers: [1], from: "${reference('steps.states.outputs.states')}" }] }
`;
    expectMessage(await runText(patched), 1, /has states of none of these prompts, so nothing would be replaced/);
  });
});

describe('odd data has a visible outcome, never a NaN', () => {
  const outputs = async (): Promise<Record<string, unknown>[]> => {
    const tables = await Promise.all(
      ['behavior', 'probes'].map((name) => readTable(path.join(folder, 'results', 'bad', `${name}.parquet`))),
    );
    return tables.flatMap((table) => rows(table));
  };
  const expectNoNaN = async (): Promise<void> => {
    for (const row of await outputs()) for (const value of Object.values(row)) expect(Number.isNaN(value)).toBe(false);
    expect(await readFile(path.join(folder, 'results', 'bad', 'provenance.json'), 'utf8')).not.toContain('NaN');
  };

  it('all scores null: probes are null, with their reason', async () => {
    expectMessage(await runOn('null.jsonl', scored(null)), 0, /no probe score for input TOXICITY: too few rows/);
    await expectNoNaN();
  });
  it('a constant target: null, with its reason', async () => {
    expectMessage(await runOn('constant.jsonl', scored(0.25)), 0, /no probe score for input TOXICITY: constant target/);
    expect(
      (await outputs())
        .filter((row) => row.scenario === 'input' && row.target === 'TOXICITY')
        .every((row) => row.pearson === null && row.reason === 'constant_target'),
    ).toBe(true);
    await expectNoNaN();
  });
  it('an empty prompt is left out, and said', async () => {
    expectMessage(
      await runOn('empty.jsonl', [{ text: '' }, ...scored(0.25)]),
      0,
      '1 of 13 rows have no text and were left out',
    );
  });
});
