#!/usr/bin/env node
// In a clone, `npx sonde` finds the command here, and builds it the first time; the published package's bin is
// dist/cli.js itself.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = new URL('../../../', import.meta.url);
const command = new URL('dist/cli.js', root);
if (!existsSync(command)) {
  const { status } = spawnSync('npm run --silent build 1>&2', {
    cwd: fileURLToPath(root),
    stdio: 'inherit',
    shell: true,
  });
  if (status !== 0) process.exit(4);
}
await import(command.href);
