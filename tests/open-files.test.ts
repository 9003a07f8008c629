import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { root, temporaryFolder } from './sonde.ts';

let folder: string;
let remove: () => Promise<void>;
beforeAll(async () => ({ folder, remove } = await temporaryFolder()));
afterAll(() => remove());

/** Runs a pipeline of many workers in a shell that may have so many files open. */
function runWith(limit: number): Promise<{ status: number | null; said: string }> {
  const cli = path.join(root, 'dist', 'cli.js');
  const command = `ulimit -n ${limit}; exec "$0" "$1" run p.yaml --jobs 8 --store "store-${limit}"`;
  const child = spawn('sh', ['-c', command, process.execPath, cli], { cwd: folder, env: { ...process.env, CI: '1' } });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk));
  return new Promise((resolve) => {
    child.on('close', (status) => resolve({ status, said }));
  });
}

it.runIf(process.platform === 'linux')(
  'too many open files are a fault of the machine, with what to do about it',
  async () => {
    await writeFile(path.join(folder, 'texts.csv'), 'text\none\ntwo\n');
    await writeFile(
      path.join(folder, 'p.yaml'),
      `sonde: 1
name: many
steps:
  p: { uses: prompts/sample, matrix: { seed: [1, 2, 3, 4, 5, 6, 7, 8] }, with: { source: texts.csv, seed: "\${{ matrix.seed }}" } }
`,
    );
    let ended = await runWith(256);
    expect(ended).toMatchObject({ status: 0 });
    for (let limit = 72; ended.status === 0; limit -= 4) ended = await runWith(limit);
    expect(ended.status, ended.said).toBe(4);
    expect(ended.said).toMatch(/too many files are open/i);
    expect(ended.said).toContain('ulimit -n');
  },
);
