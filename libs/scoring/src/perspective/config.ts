import { type ConfigOf, constant, list, number, object, optional, text } from '@sonde/pipeline';
import { ATTRIBUTE, name, record } from '../fields.ts';

export const config = object({
  kind: constant('perspective'),
  name,
  attributes: optional(
    list(text({ pattern: ATTRIBUTE }), {
      minItems: 1,
      uniqueItems: true,
      description: 'Attributes, all asked for in one query; the six that Sonde scores if not given.',
    }),
  ),
  languages: optional(
    list(text({ pattern: '^[a-z]{2,3}(-[A-Za-z0-9-]+)?$' }), {
      minItems: 1,
      uniqueItems: true,
      description: 'Languages of the texts, `[en]`; the service detects them if not given.',
    }),
  ),
  record,
  rate: optional(
    number({ exclusiveMinimum: 0, fingerprint: false, description: 'Queries a second of each key; 1 if not given.' }),
  ),
  timeout: optional(
    number({ exclusiveMinimum: 0, fingerprint: false, description: 'Seconds that a query may take; 20 if not given.' }),
  ),
  patience: optional(
    number({
      minimum: 0,
      fingerprint: false,
      description: 'Seconds without any answer after which the step fails; 7200 if not given.',
    }),
  ),
  url: optional(
    text({ pattern: '^https?://', description: 'Another server of the same protocol; needs `--allow-code`.' }),
  ),
});

export type Config = ConfigOf<typeof config>;
