import { spawnSync } from 'node:child_process';
import path from 'node:path';

/** Builds dist/ once before the tests that run the command; nx has it from its cache when no source changed. */
export default function build(): void {
  const { status, stdout, stderr } = spawnSync('npm', ['run', '--silent', 'build'], {
    cwd: path.resolve(import.meta.dirname, '..'),
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`the build failed:\n${stdout}${stderr}`);
}
