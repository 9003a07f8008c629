import { createRequire } from 'node:module';
import type { JsonObject } from '@sonde/base';
import { defineStep, isInputArtifact } from '@sonde/executor';
import { SCORES, tableProse } from '@sonde/formats/columns';
import { artifact, type ConfigOf, object, oneOf, text } from '@sonde/pipeline';
import { nameOfScorer, SCORER_KINDS } from '@sonde/scoring/kinds';

const scorer = oneOf(
  [
    artifact('scorer', {
      description:
        'A scorer: `embedded:toxicity`, or a classifier: a folder in the hub’s layout, `hf:owner/name@revision`.',
    }),
    ...SCORER_KINDS.map(({ config, summary }) => ({ ...config, description: summary })),
  ],
  {
    description: `A scorer: a reference (\`embedded:toxicity\`, a folder, \`hf:owner/name@revision\`), or an object with \`kind\`: ${SCORER_KINDS.map(({ kind }) => `\`${kind}\``).join(', ')}.`,
  },
);

const config = object({
  scorer,
  texts: artifact('table', { description: 'Any table with a column of texts.' }),
  column: text({ minLength: 1, default: 'text', description: 'The column that holds the texts.' }),
});

export type Config = ConfigOf<typeof config>;

let version: string | undefined;

/** The name that rows bear and, where a model is run, who runs it. Of what is embedded, the digest says all. */
function runtime({ scorer }: Config): JsonObject | undefined {
  const known = isInputArtifact(scorer) ? undefined : SCORER_KINDS.find(({ kind }) => kind === scorer.kind);
  if (isInputArtifact(scorer) && (scorer.ref ?? '').startsWith('embedded:')) return undefined;
  const runsModel = isInputArtifact(scorer) || known?.runsModel === true;
  if (runsModel) {
    version ??= (createRequire(import.meta.url)('onnxruntime-node/package.json') as { version: string }).version;
  }
  return { scorer: nameOfScorer(scorer, SCORER_KINDS), ...(runsModel && version && { onnxruntime: version }) };
}

/** Scores of texts by a scorer. */
export const textScore = defineStep({
  kind: 'text/score',
  revision: 4,
  summary: 'Scores texts (toxicity and its kin). What cannot be scored has an outcome that says why, not a number.',
  config,
  outputs: { scores: { type: 'table', description: tableProse(SCORES) } },
  runtime,
  load: () => import('./run.ts'),
});
