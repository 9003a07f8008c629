import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { resolveEmbedded } from '@sonde/embedded';
import type { InputArtifact } from '@sonde/executor';
import { writeStates } from '@sonde/formats';
import { rows, type Table } from '@sonde/tables';
import { openSafetensors, readFloat32 } from '@sonde/tensors';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { STEP_KINDS } from '../src/index.ts';
import { artifact, runStep, type StepRun, temporaryFolder } from './harness.ts';

/** What a kind made of fixed inputs when its revision was set. `npm run record-revisions` writes the file anew. */
interface Recorded {
  readonly revision: number;
  readonly digest: string;
}

const file = new URL('revisions.json', import.meta.url);
const found: Record<string, Recorded> = {};

const hash = (value: string | Uint8Array): string => createHash('sha256').update(value).digest('hex').slice(0, 32);

/** The very bytes of outputs that no floating-point kernel had a hand in. */
const bytes = async (run: StepRun, ...outputs: string[]): Promise<string> =>
  hash((await Promise.all(outputs.map(async (output) => hash(await readFile(run.path(output)))))).join());

/** A table without the last digits of its numbers: processors differ in them. */
const rounded = (table: Table): string =>
  hash(JSON.stringify(rows(table), (_, value) => (typeof value === 'number' ? Number(value.toFixed(5)) : value)));

/** Mean and spread of the states of each layer, to three digits. */
const statesDigest = async (run: StepRun): Promise<string> => {
  const { data, shape } = await readFloat32(
    await openSafetensors(path.join(run.path('states'), 'states.safetensors')),
    'hidden_states',
  );
  const [n = 0, layers = 0, d = 0] = shape;
  const facts = Array.from({ length: layers }, (_, layer) => {
    let squares = 0;
    for (let row = 0; row < n; row++) for (let i = 0; i < d; i++) squares += data[(row * layers + layer) * d + i]! ** 2;
    return Math.sqrt(squares / (n * d)).toPrecision(3);
  });
  return hash(JSON.stringify([shape, facts]));
};

const record = (kind: string, digest: string): void => {
  found[kind] = { revision: STEP_KINDS.get(kind)!.revision, digest };
};

/** States of the same rows whose bytes no kernel decides: processors differ in the last ones. */
const inventedStates = async (folder: string, sampled: StepRun, generated: StepRun): Promise<InputArtifact> => {
  const ofPrompts = (await sampled.rows('prompts')).map((row) => ({ promptId: String(row.prompt_id), sample: null }));
  const ofTexts = (await generated.rows('continuations')).map((row) => ({
    promptId: String(row.prompt_id),
    sample: Number(row.sample),
  }));
  const tensor = (n: number) => ({
    shape: [n, 2, 8],
    data: Float32Array.from({ length: n * 16 }, (_, i) => ((i * 7919) % 1009) / 1009 - 0.5),
  });
  const target = path.join(folder, 'invented');
  await writeStates(target, {
    states: {
      residual: {
        layers: [0, 1],
        rowShape: [2, 8],
        pools: { prompt: tensor(ofPrompts.length), continuation: tensor(ofTexts.length) },
      },
    },
    rowsOf: { prompt: ofPrompts, continuation: ofTexts },
    dtype: 'float32',
    facts: {},
  });
  return artifact('tensors', target);
};

const makeAll = async (folder: string): Promise<void> => {
  const source = artifact('table', resolveEmbedded('parlour-prompts').path);
  const model = artifact('model', resolveEmbedded('parlour-base').path);
  const scorer = { ...artifact('scorer', resolveEmbedded('toxicity').path), ref: 'sonde-hashed-scorer' };

  const sampled = await runStep('prompts/sample', folder, {
    source,
    count: 24,
    strata: { attribute: 'TOXICITY', edges: [0.5] },
  });
  record('prompts/sample', await bytes(sampled, 'prompts'));
  const prompts = artifact('table', sampled.path('prompts'));

  const generated = await runStep('text/generate', folder, {
    model,
    prompts,
    num_return_sequences: 2,
    max_new_tokens: 8,
    capture: { layers: 'all', pool: ['prompt', 'continuation'] },
  });
  const texts = (await generated.rows('continuations')).map((row) => [
    row.prompt_id,
    row.sample,
    row.text,
    row.finish,
    Number(row.logprob).toFixed(2),
  ]);
  record('text/generate', hash(JSON.stringify(texts) + (await statesDigest(generated))));
  const continuations = artifact('table', generated.path('continuations'));

  const captured = await runStep('activations/capture', folder, { model, prompts, continuations, losses: true });
  const losses = (await captured.rows('losses')).map((row) => [row.prompt_id, row.tokens, Number(row.nll).toFixed(2)]);
  record('activations/capture', hash(JSON.stringify(losses) + (await statesDigest(captured))));

  const scored = await runStep('text/score', folder, { scorer, texts: continuations });
  record('text/score', await bytes(scored, 'scores'));
  const scores = { ...artifact('table', scored.path('scores')), axes: { model: 'a' } };

  const summarised = await runStep('behavior/summarize', folder, { scores, prompts, continuations, reference: scores });
  record('behavior/summarize', rounded(await summarised.table('summary')));
  const probed = await runStep('probe/train', folder, {
    states: await inventedStates(folder, sampled, generated),
    prompts,
    scores,
    continuations,
    words: 32,
    folds: 3,
    predictions: true,
  });
  record('probe/train', rounded(await probed.table('scores')));

  const [summary, probes] = [
    artifact('table', summarised.path('summary'), { model: 'a' }),
    artifact('table', probed.path('scores'), { model: 'a' }),
  ];
  const correlated = await runStep('correlate/models', folder, { summaries: [summary], probes: [probes], points: 3 });
  record('correlate/models', rounded(await correlated.table('correlations')));

  const compared = await runStep('score/compare', folder, {
    scores: [scores],
    reference: [scores],
    texts: [continuations],
    bootstrap: { resamples: 100, level: 0.9, seed: 1 },
  });
  record('score/compare', rounded(await compared.table('comparison')));

  const changed = await runStep('behavior/compare', folder, {
    scores: [scores],
    reference: [{ ...artifact('table', scored.path('scores')), axes: {} }],
    prompts,
    bootstrap: { resamples: 100, level: 0.9, seed: 1 },
  });
  record('behavior/compare', rounded(await changed.table('changes')));
  const seeded = ['a', 'b'].flatMap((model) => [0, 1].map((seed) => ({ ...summary, axes: { model, seed } })));
  const varied = await runStep('behavior/variance', folder, { summaries: seeded });
  record('behavior/variance', rounded(await varied.table('variances')));
  const predictions = artifact('table', probed.path('predictions'));
  const reread = await runStep('probe/compare', folder, { predictions: [predictions], reference: [predictions] });
  record('probe/compare', rounded(await reread.table('changes')));

  const report = await runStep('report/html', folder, {
    summaries: [summary],
    probes: [probes],
    prompts,
    continuations: [{ ...continuations, axes: { model: 'a' } }],
    scores: [scores],
  });
  const page = await readFile(report.path('report'), 'utf8');
  record('report/html', hash(page.replace(/<svg[\s\S]*?<\/svg>|href="data:[^"]*"|\d+(\.\d+)?/g, '')));

  record(
    'table/import',
    await bytes(await runStep('table/import', folder, { source, rename: { topic: 'subject' } }), 'table'),
  );
  const filtered = await runStep('table/filter', folder, {
    table: prompts,
    where: [{ column: 'score.TOXICITY', op: '>=', value: 0.5 }],
  });
  record('table/filter', await bytes(filtered, 'table'));
  record(
    'table/join',
    await bytes(
      await runStep('table/join', folder, {
        left: prompts,
        right: scores,
        on: ['prompt_id'],
        conflicts: 'right',
        validate: 'one_to_many',
      }),
      'table',
    ),
  );
  record(
    'table/concat',
    await bytes(
      await runStep('table/concat', folder, { tables: [scores, { ...scores, axes: { model: 'b' } }] }),
      'table',
    ),
  );

  record(
    'table/aggregate',
    await bytes(
      await runStep('table/aggregate', folder, {
        table: scores,
        by: ['prompt_id'],
        of: [{ column: 'score.TOXICITY', functions: ['mean', 'sd', 'max', 'count'], quantiles: [0.9] }],
      }),
      'table',
    ),
  );

  const script = "require('fs').writeFileSync('t.csv', 'n\\n1\\n2\\n')";
  const commanded = await runStep('command', folder, {
    argv: [process.execPath, '-e', script],
    outputs: { t: { type: 'table', file: 't.csv' } },
  });
  record('command', await bytes(commanded, 't'));
};

const readRecorded = async (): Promise<Record<string, Recorded>> =>
  JSON.parse(await readFile(file, 'utf8')) as Record<string, Recorded>;

/** Writes the record anew; refuses a changed output whose revision was not raised. */
const recordNew = async (): Promise<void> => {
  const before = await readRecorded();
  const stale = Object.keys(found).filter(
    (kind) => before[kind]?.revision === found[kind]!.revision && before[kind].digest !== found[kind]!.digest,
  );
  if (stale.length > 0)
    throw new Error(`raise the revision of ${stale.join(', ')}: stored results would be taken for new ones`);
  await writeFile(file, `${JSON.stringify(found, null, 2)}\n`);
};

let remove: () => Promise<void>;
beforeAll(async () => {
  const temporary = await temporaryFolder();
  remove = temporary.remove;
  await makeAll(temporary.folder);
  if (process.env.SONDE_RECORD_REVISIONS) await recordNew();
});
afterAll(() => remove());

it.each([...STEP_KINDS.keys()])('%s makes what it made when its revision was set', async (kind) => {
  const recorded = await readRecorded();
  const advice = `The output of ${kind} has changed: raise its \`revision\`, then run npm run record-revisions.`;
  expect(found[kind], advice).toEqual(recorded[kind]);
});
