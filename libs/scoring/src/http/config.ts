import { type ConfigOf, constant, number, object, optional, text } from '@sonde/pipeline';
import { name, record } from '../fields.ts';
import { serviceFields } from '../service/config.ts';

export const USUAL_PATIENCE = 600;

export const config = object({
  kind: constant('http'),
  name,
  url: text({ pattern: '^https?://', description: 'Where batches of texts are posted.' }),
  token: optional(
    text({
      pattern: '^[A-Za-z_][A-Za-z0-9_]*$',
      fingerprint: false,
      description: 'The environment variable with the token that it wants (`Authorization: Bearer …`).',
    }),
  ),
  ...serviceFields,
  record,
  patience: optional(
    number({
      minimum: 0,
      fingerprint: false,
      description: 'Seconds without any answer after which the step fails.',
    }),
    USUAL_PATIENCE,
  ),
});

export type Config = ConfigOf<typeof config>;
