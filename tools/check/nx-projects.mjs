// Tells nx what it can do with each library: `nx test probing`, `nx affected -t test`. Tests are not cached, for some
// of them read files outside the repository.
import path from 'node:path';

const testTarget = (folder) => ({
  command: `vitest run ${folder}`,
  options: { cwd: '{workspaceRoot}' },
  cache: false,
});

export const name = 'sonde-projects';

export const createNodesV2 = [
  'libs/*/package.json',
  (manifests) =>
    manifests.map((manifest) => {
      const folder = path.posix.dirname(manifest);
      return [manifest, { projects: { [folder]: { targets: { test: testTarget(folder) } } } }];
    }),
];
