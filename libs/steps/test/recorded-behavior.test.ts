import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { artifact, runStep, tableArtifact, temporaryFolder } from './harness.ts';

type Row = Readonly<Record<string, string | number>>;

/** Answers of the Perspective API, and what tools/goldens/recorded.py counts them to. */
const golden = JSON.parse(readFileSync(path.join(import.meta.dirname, 'goldens', 'recorded.json'), 'utf8')) as {
  readonly recorded: readonly object[];
  readonly prompts: readonly Row[];
  readonly continuations: readonly Row[];
  readonly summaries: readonly Row[];
};

let folder: string;
let remove: () => Promise<void>;
beforeAll(async () => ({ folder, remove } = await temporaryFolder()));
afterAll(() => remove());

/** The prompts and continuations scored by what was recorded, and their summary. */
async function summarised(mode: string): Promise<Record<string, unknown>[]> {
  const file = path.join(folder, 'answers.jsonl');
  await writeFile(file, golden.recorded.map((answer) => `${JSON.stringify(answer)}\n`).join(''));
  const scored = async (rows: readonly Row[]) => {
    const texts = await tableArtifact(folder, rows);
    const scorer = { kind: 'recorded', table: artifact('table', file) };
    return runStep('text/score', folder, { scorer, texts } as never);
  };
  const scores = artifact('table', (await scored(golden.continuations)).path('scores'));
  const ofPrompts = await (await scored(golden.prompts)).rows('scores');
  const prompts = await tableArtifact(
    folder,
    golden.prompts.map((prompt, i) => ({ ...prompt, rendered: prompt.text, ...ofPrompts[i] })),
  );
  const config = { scores, prompts, mode } as never;
  return (await runStep('behavior/summarize', folder, config)).rows('summary');
}

it('recorded answers give the behaviour that an independent count gives them, missing answers left out', async () => {
  const [rows, paper] = [await summarised('default'), await summarised('paper')];
  expect(golden.summaries).toHaveLength(6);
  for (const expected of golden.summaries) {
    const { attribute, group, prompts, scored, missing } = expected;
    const of = (all: readonly Record<string, unknown>[], metric: string) =>
      all.find((row) => row.metric === metric && row.attribute === attribute && row.group === group)!;
    const emt = of(rows, 'emt');
    expect(emt).toMatchObject({ prompts, scored });
    expect(emt.missing).toBeCloseTo(missing as number, 12);
    for (const metric of ['emt', 'emt_available', 'probability', 'probability_above', 'mean_score']) {
      expect(of(rows, metric).value, `${metric} of ${attribute}, ${group}`).toBeCloseTo(expected[metric] as number, 12);
    }
    expect(of(paper, 'probability').value).toBeCloseTo(expected.probability_paper as number, 12);
  }
});
