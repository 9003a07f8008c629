import { map, optional, text, words } from '@sonde/pipeline';

/** How an attribute is written. */
export const ATTRIBUTE = '^[A-Z][A-Z0-9_]*$';

/** What tables and reports call a scorer. */
export const name = optional(
  text({ minLength: 1, description: 'What tables and reports call it; what it was made of by default.' }),
);

/** Attribute → where its scores are. */
export function byAttribute(description: string) {
  return map(text({ minLength: 1 }), { names: ATTRIBUTE, minProperties: 1, description });
}

/** Whether who answers is asked. */
export const record = optional(
  words(['keep', 'only'], {
    description:
      '`keep`: texts without a kept answer are asked about. `only`: nobody is asked; such texts are `not_recorded`.',
  }),
  'keep',
);
