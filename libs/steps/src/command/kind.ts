import { extname } from 'node:path';
import { defineStep } from '@sonde/executor';
import { ARTIFACT_TYPES, artifact, type ConfigOf, list, map, object, text, words } from '@sonde/pipeline';

const NAME = '^[a-z][a-z0-9_-]*$';

const outputFile = object({
  type: words(['table', 'tensors', 'json', 'html', 'file']),
  file: text({
    pattern: '^[A-Za-z0-9_][A-Za-z0-9._-]*$',
    description: 'The file’s name in the program’s folder.',
  }),
});

const config = object({
  argv: list(text(), {
    minItems: 1,
    description: 'The program and its arguments; expressions that name `inputs.a` and `outputs.t` give paths.',
  }),
  inputs: map(artifact(ARTIFACT_TYPES), {
    names: NAME,
    default: {},
    description: 'Name → artifact or file; the program reads a copy.',
  }),
  outputs: map(outputFile, {
    names: NAME,
    minProperties: 1,
    description: 'Name → type and file that the program writes.',
  }),
  env: map(text(), { default: {}, description: 'Environment variables besides PATH, HOME and LANG.' }),
});

export type Config = ConfigOf<typeof config>;
export type OutputFile = ConfigOf<typeof outputFile>;

/** A program of the user's own, without a shell. */
export const command = defineStep({
  kind: 'command',
  revision: 1,
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
