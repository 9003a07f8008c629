import { type ConfigOf, constant, list, number, object, optional, text } from '@sonde/pipeline';
import { ATTRIBUTES } from '../attributes.ts';
import { ATTRIBUTE, name, record } from '../fields.ts';

export const ENDPOINT = 'https://commentanalyzer.googleapis.com/v1alpha1/comments:analyze';

/** Usual queries a second of a key, seconds for a query, seconds without an answer. */
export const USUAL = { rate: 1, timeout: 20, patience: 7200 };

export const config = object({
  kind: constant('perspective'),
  name,
  attributes: optional(
    list(text({ pattern: ATTRIBUTE }), {
      minItems: 1,
      uniqueItems: true,
      description: 'Attributes, all asked for in one query.',
    }),
    ATTRIBUTES,
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
    number({ exclusiveMinimum: 0, fingerprint: false, description: 'Queries a second of each key.' }),
    USUAL.rate,
  ),
  timeout: optional(
    number({ exclusiveMinimum: 0, fingerprint: false, description: 'Seconds that a query may take.' }),
    USUAL.timeout,
  ),
  patience: optional(
    number({
      minimum: 0,
      fingerprint: false,
      description: 'Seconds without any answer after which the step fails.',
    }),
    USUAL.patience,
  ),
  url: optional(
    text({ pattern: '^https?://', description: 'Another server of the same protocol; needs `--allow-code`.' }),
    ENDPOINT,
  ),
});

export type Config = ConfigOf<typeof config>;
