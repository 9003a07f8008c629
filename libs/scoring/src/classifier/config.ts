import { artifact, type ConfigOf, constant, integer, map, object, oneOf, optional, text, words } from '@sonde/pipeline';
import { name } from '../fields.ts';

// Read to plan: what runs models must not be loaded for lists of words.
const ACTIVATIONS = ['sigmoid', 'softmax', 'none'] as const;

const LONG = ['truncate', 'max', 'mean'] as const;

export const config = object({
  kind: constant('classifier'),
  name,
  model: artifact('model', { description: 'A classifier’s checkpoint.', revision: 'revision' }),
  revision: optional(text({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*$', description: 'Its revision.' })),
  labels: optional(
    oneOf([words(['auto', 'own']), map(text({ pattern: '^[A-Z][A-Z0-9_]*$' }), { minProperties: 1 })], {
      description:
        'Label → attribute, `{ toxic: TOXICITY }`, of the labels that count. `auto`: those of known families (Detoxify’s) to Perspective’s attributes, others as `own`; `own`: each label is an attribute of its name.',
    }),
    'auto',
  ),
  activation: optional(
    words(ACTIVATIONS, {
      description: 'How logits become scores; as the checkpoint’s `problem_type` says if not given.',
    }),
  ),
  max_length: optional(
    integer({ minimum: 1, description: 'Tokens that are read at once; as many as the model takes if not given.' }),
  ),
  long: optional(
    words(LONG, {
      description:
        'Longer texts: `truncate` scores the beginning and has outcome `truncated`; `max`, `mean`: of windows over all of it.',
    }),
    'truncate',
  ),
  overlap: optional(integer({ minimum: 0, description: 'Tokens that a window has in common with the one before.' }), 0),
});

export type Config = ConfigOf<typeof config>;
