import { type ConfigOf, constant, list, map, object, oneOf, optional, text } from '@sonde/pipeline';
import { byAttribute, name } from '../fields.ts';

export const config = object({
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
