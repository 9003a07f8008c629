import { ARTIFACT_TYPES, artifact, type ConfigOf, constant, list, map, object, optional, text } from '@sonde/pipeline';
import { name } from '../fields.ts';
import { serviceFields } from '../service/config.ts';

export const config = object({
  kind: constant('command'),
  name,
  argv: list(text(), {
    minItems: 1,
    description: 'The program and its arguments (no shell); `{script}` is the path of the file `script` of `files`.',
  }),
  files: optional(
    map(artifact(ARTIFACT_TYPES), {
      names: '^[a-z][a-z0-9_-]*$',
      description: 'Name → a file or folder that it needs: its script, its model. Their contents are in its identity.',
    }),
    {},
  ),
  env: optional(map(text(), { description: 'Environment variables besides PATH, HOME and LANG.' }), {}),
  ...serviceFields,
});

export type Config = ConfigOf<typeof config>;
