import type { StepKind } from '@sonde/executor';
import { PROMPTS, tableProse } from '@sonde/formats/columns';
import { attribute, closed, one, seed } from '../shared/schemas.ts';

/** A sample of prompts from a table of texts with scores, rendered through a template. */
export const promptsSample: StepKind = {
  kind: 'prompts/sample',
  revision: 2,
  summary: 'Samples prompts from a table of texts with scores and renders them through a template.',
  config: closed(
    {
      source: one(
        'Parquet, JSONL, JSON or CSV; columns `text` and `score.<ATTRIBUTE>`, or RealToxicityPrompts’ layout.',
        'table',
      ),
      count: {
        description: 'How many prompts, or `all`. A larger count keeps the smaller sample and appends to it.',
        oneOf: [{ type: 'integer', minimum: 1 }, { const: 'all' }],
        default: 'all',
      },
      seed,
      text: {
        type: 'string',
        minLength: 1,
        description: 'The column that holds the prompt; found by itself by default.',
      },
      strata: {
        ...closed(
          {
            attribute,
            edges: {
              type: 'array',
              items: { type: 'number', minimum: 0, maximum: 1 },
              minItems: 1,
              uniqueItems: true,
              default: [0.5],
              description: 'Where the attribute’s range is cut; a value on an edge belongs to the upper stratum.',
            },
            shares: {
              type: 'array',
              items: { type: 'number', minimum: 0, maximum: 1 },
              description: 'Share of the sample for each stratum, from the lowest; equal by default.',
            },
          },
          ['attribute'],
        ),
        description: 'Samples so many prompts from each range of an attribute.',
      },
      template: {
        description:
          '0 passes the prompt as it is; 1–4 wrap it in an instruction; or a text that contains `{prompt}` once.',
        oneOf: [
          { type: 'integer', minimum: 0, maximum: 4 },
          { type: 'string', pattern: '\\{prompt\\}' },
        ],
        default: 0,
      },
      chat: one('A checkpoint whose chat template wraps the rendered text as a user’s turn.', 'model'),
    },
    ['source'],
  ),
  outputs: {
    prompts: { type: 'table', description: tableProse(PROMPTS, 'The source’s other columns are kept.') },
  },
  check: (config) => {
    const strata = config.strata as { edges: readonly number[]; shares?: readonly number[] } | undefined;
    if (strata?.shares === undefined) return [];
    const problems = [];
    if (strata.shares.length !== strata.edges.length + 1) {
      problems.push({
        path: ['strata', 'shares'],
        message: `${strata.edges.length} edges make ${strata.edges.length + 1} strata, but there are ${strata.shares.length} shares`,
      });
    }
    const sum = strata.shares.reduce((total, share) => total + share, 0);
    if (Math.abs(sum - 1) > 1e-9)
      problems.push({ path: ['strata', 'shares'], message: `the shares add up to ${sum}, not to 1` });
    return problems;
  },
  load: () => import('./run.ts'),
};
