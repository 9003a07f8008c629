import { extname } from 'node:path';
import type { StepKind } from '@sonde/executor';
import { ARTIFACT_TYPES, type OutputSpec } from '@sonde/pipeline';
import { closed } from '../shared/schemas.ts';

const name = '^[a-z][a-z0-9_-]*$';

/** A program of the user's own, without a shell. */
export const command: StepKind = {
  kind: 'command',
  revision: 1,
  summary: 'Runs a program of yours (no shell) on artifacts and files; needs `--allow-code`.',
  config: closed(
    {
      argv: {
        type: 'array',
        items: { type: 'string' },
        minItems: 1,
        description: 'The program and its arguments; expressions that name `inputs.a` and `outputs.t` give paths.',
      },
      inputs: {
        type: 'object',
        propertyNames: { pattern: name },
        additionalProperties: { artifact: { types: ARTIFACT_TYPES } },
        default: {},
        description: 'Name → artifact or file; the program reads a copy.',
      },
      outputs: {
        type: 'object',
        propertyNames: { pattern: name },
        minProperties: 1,
        additionalProperties: closed(
          {
            type: { enum: ['table', 'tensors', 'json', 'html', 'file'] },
            file: {
              type: 'string',
              pattern: '^[A-Za-z0-9_][A-Za-z0-9._-]*$',
              description: 'The file’s name in the program’s folder.',
            },
          },
          ['type', 'file'],
        ),
        description: 'Name → type and file that the program writes.',
      },
      env: {
        type: 'object',
        additionalProperties: { type: 'string' },
        default: {},
        description: 'Environment variables besides PATH, HOME and LANG.',
      },
    },
    ['argv', 'outputs'],
  ),
  outputs: {},
  outputsOf: (config) =>
    Object.fromEntries(
      Object.entries(config.outputs as Record<string, { type: OutputSpec['type']; file: string }>).map(
        ([output, { type, file }]) => [
          output,
          { type, description: `\`${file}\``, ...(type === 'file' && { extension: extname(file) }) },
        ],
      ),
    ),
  lateNames: ['inputs', 'outputs'],
  runsCode: true,
  load: () => import('./run.ts'),
};
