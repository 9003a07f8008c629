import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    reporters: [['default', { summary: false }]],
    // Only against tests that hang: a test states a fact, on a slow and busy machine too. One that hangs is named before
    // `.ci/run` ends them all.
    testTimeout: 900_000,
    hookTimeout: 900_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'libs',
          include: ['libs/*/test/**/*.test.ts', 'tools/*/test/**/*.test.ts'],
          exclude: ['tools/cli/**'],
        },
      },
      // These drive the built command, so the build comes first (it takes a second when nothing changed).
      {
        extends: true,
        test: {
          name: 'whole',
          include: ['tools/cli/test/**/*.test.ts', 'tests/**/*.test.ts'],
          globalSetup: 'tests/build.ts',
        },
      },
    ],
  },
});
