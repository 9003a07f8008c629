import { SCENARIOS } from '@sonde/formats/columns';
import { artifacts, type ConfigOf, list, object, optional, text, words } from '@sonde/pipeline';
import { baseline } from '../shared/baseline.ts';
import { contrast } from '../shared/contrast.ts';
import { bootstrap } from '../shared/schemas.ts';

export const config = object({
  name: text({ minLength: 1, default: 'change', description: 'What the comparison is called in tables and reports.' }),
  predictions: artifacts('table', {
    description:
      'Held-out predictions of `probe/train` (`predictions: true`), collected over the axes that are compared.',
  }),
  baseline,
  reference: optional(
    artifacts('table', {
      description:
        'Predictions that they are compared with: those with equal values on the axes that both have. A layer is compared with the same layer.',
    }),
  ),
  contrast,
  scenarios: optional(list(words(SCENARIOS), { minItems: 1, uniqueItems: true })),
  targets: optional(
    list(text({ minLength: 1 }), { minItems: 1, uniqueItems: true, description: 'All that both have by default.' }),
  ),
  bootstrap,
});

export type Config = ConfigOf<typeof config>;
