import { type ConfigOf, constant, list, map, object, oneOf, optional, text } from '@sonde/pipeline';
import { defineScorer } from '../define-scorer.ts';
import { byAttribute, name } from '../fields.ts';

const config = object({
  kind: constant('regex'),
  name,
  patterns: optional(byAttribute('Attribute → a regular expression of JavaScript; case is ignored, Unicode is known.')),
  words: optional(
    map(oneOf([list(text({ minLength: 1 }), { minItems: 1 })]), {
      names: '^[A-Z][A-Z0-9_]*$',
      minProperties: 1,
      description: 'Attribute → words, found as whole words whatever their case.',
    }),
  ),
});

export type Config = ConfigOf<typeof config>;

export const regex = defineScorer({
  kind: 'regex',
  summary: 'Regular expressions or word lists: 1 where one is found in the text, else 0.',
  config,
  load: () => import('./open.ts'),
});
