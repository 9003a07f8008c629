import { map, optional, text } from '@sonde/pipeline';

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
