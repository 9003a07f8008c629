import { artifact, artifacts, type ConfigOf, list, object, optional, text } from '@sonde/pipeline';
import { baseline } from '../shared/baseline.ts';
import { contrast } from '../shared/contrast.ts';
import { attributes, bootstrap, empty } from '../shared/schemas.ts';

const scores = { description: 'Scores of continuations, collected over the axes that are compared.' };
const continuations = 'their continuations, over the same axes: for distinct-2 and length';
const losses = 'their losses (`activations/capture`), over the same axes: for perplexity';

export const config = object({
  name: text({ minLength: 1, default: 'change', description: 'What the comparison is called in tables and reports.' }),
  scores: artifacts('table', scores),
  continuations: optional(artifacts('table', { description: `Of \`scores\`, ${continuations}.` })),
  losses: optional(artifacts('table', { description: `Of \`scores\`, ${losses}.` })),
  baseline,
  reference: optional(
    artifacts('table', {
      description:
        'Scores of what they are compared with. A setting’s references are those with equal values on the axes that both have; several are averaged.',
    }),
  ),
  reference_continuations: optional(artifacts('table', { description: `Of \`reference\`, ${continuations}.` })),
  reference_losses: optional(artifacts('table', { description: `Of \`reference\`, ${losses}.` })),
  controls: optional(
    artifacts('table', {
      description:
        'Scores of controls (a random direction, say): each setting is also held against those with equal values on the axes that both have, averaged over their others.',
    }),
  ),
  control_losses: optional(
    artifacts('table', {
      description: `Of \`controls\`, ${losses}. With \`losses\` and \`reference_losses\` settings are also held against controls of equal perplexity.`,
    }),
  ),
  contrast,
  over: list(text({ minLength: 1 }), {
    uniqueItems: true,
    default: [],
    description: 'Axes whose values are replicates (`seed`, `random`): a prompt’s values are averaged over them.',
  }),
  prompts: optional(
    artifact('table', { description: 'The prompts with their own scores: gives the groups `high` and `low`.' }),
  ),
  attributes,
  empty,
  bootstrap,
});

export type Config = ConfigOf<typeof config>;
