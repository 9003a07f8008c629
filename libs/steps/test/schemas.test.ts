import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { STEP_KINDS } from '../src/index.ts';

describe('step kinds', () => {
  it.each([...STEP_KINDS.values()].map((kind) => [kind.kind, kind] as const))('%s has a valid schema', (_, kind) => {
    const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, keywords: ['artifact', 'fingerprint', 'later'] });
    expect(() => ajv.compile(kind.config)).not.toThrow();
  });

  it.each([...STEP_KINDS.values()].map((kind) => [kind.kind, kind] as const))(
    '%s says what it does and what it gives',
    (_, kind) => {
      expect(kind.summary).toMatch(/^[A-Z].*\.$/);
      for (const { description } of Object.values(kind.outputs)) expect(description.length).toBeGreaterThan(5);
    },
  );
});
