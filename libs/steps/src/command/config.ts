import { ARTIFACT_TYPES, artifact, type ConfigOf, list, map, object, text, words } from '@sonde/pipeline';

const NAME = '^[a-z][a-z0-9_-]*$';

const outputFile = object({
  type: words(['table', 'tensors', 'json', 'html', 'file']),
  file: text({
    pattern: '^[A-Za-z0-9_][A-Za-z0-9._-]*$',
    description: 'The file’s name in the program’s folder.',
  }),
});

export const config = object({
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
