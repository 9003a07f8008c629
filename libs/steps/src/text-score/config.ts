import { artifact, type ConfigOf, object, oneOf, text } from '@sonde/pipeline';
import type { ScorerKind } from '@sonde/scoring/kinds';

function scorerField(kinds: readonly ScorerKind[]) {
  return oneOf(
    [
      artifact('scorer', {
        description:
          'A scorer: `embedded:toxicity`, or a classifier: a folder in the hub’s layout, `hf:owner/name@revision`.',
      }),
      ...kinds.map(({ config, summary }) => ({ ...config, description: summary })),
    ],
    {
      description: `A scorer: a reference (\`embedded:toxicity\`, a folder, \`hf:owner/name@revision\`), or an object with \`kind\`: ${kinds.map(({ kind }) => `\`${kind}\``).join(', ')}.`,
    },
  );
}

export function configOf(kinds: readonly ScorerKind[]) {
  return object({
    scorer: scorerField(kinds),
    texts: artifact('table', { description: 'Any table with a column of texts.' }),
    column: text({ minLength: 1, default: 'text', description: 'The column that holds the texts.' }),
  });
}

export type Config = ConfigOf<ReturnType<typeof configOf>>;
