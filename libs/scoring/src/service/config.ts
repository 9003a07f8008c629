import { boolean, integer, list, number, optional, text } from '@sonde/pipeline';
import { ATTRIBUTE } from '../fields.ts';

export const USUAL_BATCH = 32;
export const USUAL_TIMEOUT = 300;

/** What programs and services have in common: their attributes, and how they are asked. */
export const serviceFields = {
  attributes: list(text({ pattern: ATTRIBUTE }), {
    minItems: 1,
    uniqueItems: true,
    description: 'Attributes that it scores.',
  }),
  unbounded: optional(
    boolean({ description: 'Whether its scores are any numbers, not those from 0 to 1 alone.' }),
    false,
  ),
  version: optional(
    text({ minLength: 1, description: 'Its version, in words of yours: another one is another scorer.' }),
  ),
  batch: optional(
    integer({
      minimum: 1,
      maximum: 4096,
      fingerprint: false,
      description: 'Texts that it is given at once.',
    }),
    USUAL_BATCH,
  ),
  timeout: optional(
    number({
      exclusiveMinimum: 0,
      fingerprint: false,
      description: 'Seconds that it may take for a batch.',
    }),
    USUAL_TIMEOUT,
  ),
};
