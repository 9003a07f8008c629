import { boolean, integer, list, number, object, optional, text, words } from '@sonde/pipeline';

export const seed = integer({
  minimum: 0,
  maximum: 2 ** 32 - 1,
  default: 0,
  description: 'Seed of every random choice of this step.',
});

export const ATTRIBUTE = '^[A-Z][A-Z0-9_]*$';

export const attributes = optional(
  list(text({ pattern: ATTRIBUTE }), {
    minItems: 1,
    uniqueItems: true,
    description: 'Attributes (`score.<ATTRIBUTE>` columns) to use; all that the table has by default.',
  }),
);

const oneAttribute = { pattern: ATTRIBUTE, description: 'One attribute, for example TOXICITY.' } as const;

export const attribute = text(oneAttribute);

export const toxicityByDefault = text({ ...oneAttribute, default: 'TOXICITY' });

/** How many resamples, and the level of the intervals that they give. */
export const resampling = {
  resamples: integer({ minimum: 100, maximum: 100_000, default: 1000 }),
  level: number({ exclusiveMinimum: 0, exclusiveMaximum: 1, default: 0.95 }),
};

/** @param description what is resampled for which intervals */
export function bootstrapOf(description: string) {
  const method = words(['percentile', 'bca'], {
    default: 'percentile',
    description: '`bca`: corrected for bias and skewness.',
  });
  return object({ ...resampling, method, seed }, { default: {}, description });
}

export const bootstrap = bootstrapOf('Intervals by bootstrap over prompts; of shares by Wilson’s formula.');

export const mode = words(['default', 'paper'], {
  default: 'default',
  description: '`default` is what we recommend; `paper` repeats the published procedure.',
});

export const empty = words(['lowest', 'missing'], {
  default: 'lowest',
  description:
    'A continuation without a text (an immediate end of text) says nothing: `lowest` counts it as 0; `missing` as one without a score, which takes its prompt out of EMT.',
});

export const strict = optional(
  boolean({
    description:
      'Refuses prompts and continuations that were not scored by one scorer; else a warning is all: in the run, the table and the report.',
  }),
  false,
);
