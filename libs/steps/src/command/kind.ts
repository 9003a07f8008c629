import { extname } from 'node:path';
import { defineStep } from '@sonde/executor';
import { config } from './config.ts';

/** A program of the user's own, without a shell. */
export const command = defineStep({
  kind: 'command',
  revision: 2,
  summary: 'Runs a program of yours (no shell) on artifacts and files; needs `--allow-code`.',
  config,
  outputs: {},
  outputsOf: ({ outputs }) =>
    Object.fromEntries(
      Object.entries(outputs).map(([name, { type, file }]) => [
        name,
        { type, description: `\`${file}\``, ...(type === 'file' && { extension: extname(file) }) },
      ]),
    ),
  lateNames: ['inputs', 'outputs'],
  runsCode: true,
  load: () => import('./run.ts'),
});
