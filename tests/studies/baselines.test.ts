// What probes must not find where there is nothing to find: a model without training, and labels that mean nothing.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { resolveEmbedded } from '@sonde/embedded';
import { readTable, rows } from '@sonde/tables';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runPipeline, temporaryFolder } from '../sonde.ts';

let folder: string;
let remove: () => Promise<void>;

beforeAll(async () => {
  ({ folder, remove } = await temporaryFolder());
});
afterAll(() => remove());

const LONG = 300_000;

async function runFile(name: string, text: string): Promise<void> {
  await writeFile(path.join(folder, `${name}.yaml`), text);
  const { status, stderr, stdout } = await runPipeline(folder, `${name}.yaml`, '--out', path.join(folder, name));
  expect(status, stderr + stdout.slice(-2000)).toBe(0);
}

/** Scores of layers over all folds. */
async function scoresOf(
  file: string,
  of: { readonly scenario: string; readonly features?: string },
): Promise<Readonly<Record<string, unknown>>[]> {
  const table = rows(await readTable(path.join(folder, file)));
  return table.filter(
    (row) =>
      row.target === 'TOXICITY' &&
      row.scenario === of.scenario &&
      row.features === (of.features ?? 'states') &&
      row.fold === 0,
  );
}

/** Tokens of the parlour models. */
const VOCABULARY = 640;

const STUDY = `
sonde: 1
name: untrained
params:
  trained: embedded:parlour-base
  models: [embedded:parlour-base, { ref: embedded:parlour-base, weights: random, seed: 1 }]
steps:
  prompts:
    uses: prompts/sample
    with: { source: embedded:parlour-prompts, count: 400, seed: 0 }
  texts:
    uses: text/generate
    with: { model: "\${{ params.trained }}", prompts: "\${{ steps.prompts.outputs.prompts }}", num_return_sequences: 2, top_p: 0.9, seed: 0 }
  states:
    uses: activations/capture
    matrix: { model: "\${{ params.models }}" }
    with: { model: "\${{ matrix.model }}", prompts: "\${{ steps.prompts.outputs.prompts }}", continuations: "\${{ steps.texts.outputs.continuations }}", losses: true }
  probes:
    uses: probe/train
    matrix: { model: "\${{ params.models }}" }
    with:
      states: \${{ steps.states.outputs.states }}
      prompts: \${{ steps.prompts.outputs.prompts }}
      attributes: [TOXICITY]
      scenarios: [input, forward]
      unmatched: report
      control: { permutations: 0 }
  report:
    uses: report/html
    with: { title: Untrained, probes: "\${{ steps.probes.outputs.scores }}" }
outputs:
  losses: \${{ steps.states.outputs.losses }}
  probes: \${{ steps.probes.outputs.scores }}
  report: \${{ steps.report.outputs.report }}
`;

const DEALT = STUDY.replace('untrained', 'dealt')
  .replace(/models: .*/, 'models: [embedded:parlour-base]')
  .replace('source: embedded:parlour-prompts', 'source: dealt.jsonl')
  .replace('permutations: 0', 'permutations: 99');

describe('labels that were dealt anew to the prompts', () => {
  beforeAll(async () => {
    const lines = await readFile(resolveEmbedded('parlour-prompts').path, 'utf8');
    const prompts = lines
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    // 191 has no divisor in common with their number: every prompt is given the scores of another.
    const dealt = prompts.map(({ prompt, ...row }, i) => {
      const { text, ...scores } = prompts[(i + 191) % prompts.length].prompt;
      return JSON.stringify({ ...row, prompt: { ...scores, text: prompt.text } });
    });
    await writeFile(path.join(folder, 'dealt.jsonl'), dealt.join('\n'));
    await runFile('dealt', DEALT);
  }, LONG);

  it('are read by no probe better than by chance', async () => {
    const [file] = await readdir(path.join(folder, 'dealt', 'probes'));
    const found = await scoresOf(`dealt/probes/${file}`, { scenario: 'input' });
    expect(found).toHaveLength(5);
    for (const row of found) {
      const where = `layer ${row.layer}`;
      expect(Math.abs(Number(row.null_mean)), where).toBeLessThan(0.06);
      expect(Math.abs(Number(row.fold_mean)), where).toBeLessThan(0.25);
      expect(Number(row.p), where).toBeGreaterThan(0.01);
    }
  });
});

describe('a model of random weights in the shape of a trained one', () => {
  beforeAll(() => runFile('untrained', STUDY), LONG);

  const names = ['model=embedded_parlour-base', 'model=_ref_embedded_parlour-base_,_weights_random_,_seed_1_'];

  it('encodes less of what a prompt is', async () => {
    const [trained, random] = await Promise.all(
      names.map((name) => scoresOf(`untrained/probes/${name}.parquet`, { scenario: 'input' })),
    );
    expect(trained!.map(({ layer }) => layer)).toEqual([0, 1, 2, 3, 4]);
    for (const { layer, fold_mean } of trained!) {
      const untrained = Number(random!.find((row) => row.layer === layer)!.fold_mean);
      expect(untrained, `layer ${layer}`).toBeLessThan(Number(fold_mean) - 0.02);
    }
    expect(random!.at(-1)!.fold_mean).toBeLessThan(Number(trained!.at(-1)!.fold_mean) - 0.2);
  });

  // Its attention is uniform: what it makes of a continuation holds the mean of all words before it.
  it('passes on more of the prompt’s words than training leaves', async () => {
    const [trained, random] = await Promise.all(
      names.map((name) => scoresOf(`untrained/probes/${name}.parquet`, { scenario: 'forward' })),
    );
    const at = (table: typeof trained, layer: number) => Number(table!.find((row) => row.layer === layer)!.fold_mean);
    const behind = (table: typeof trained) => [1, 2, 3].reduce((sum, layer) => sum + at(table, layer) / 3, 0);
    expect(behind(random)).toBeGreaterThan(behind(trained) + 0.03);
    // Before the first block a continuation's states are its own words.
    expect(Math.abs(at(random, 0))).toBeLessThan(0.15);
  });

  it('tells the next token no better than chance', async () => {
    const [trained, random] = await Promise.all(
      names.map(async (name) => {
        const losses = rows(await readTable(path.join(folder, 'untrained', 'losses', `${name}.parquet`)));
        const sum = (column: string) => losses.reduce((total, row) => total + Number(row[column] ?? 0), 0);
        return sum('nll') / sum('tokens');
      }),
    );
    const uniform = Math.log(VOCABULARY);
    expect(random!).toBeGreaterThan(uniform - 0.1);
    expect(trained!).toBeLessThan(uniform / 2);
  });

  it('is a model of its own in the report', async () => {
    const report = await readFile(path.join(folder, 'untrained', 'report.html'), 'utf8');
    expect(report).toContain('random weights (seed 1)');
  });
});
