import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { root, runPipeline, temporaryFolder } from './sonde.ts';

const FILE = path.join(root, 'pipelines', 'quickstart.yaml');
const SMALL = ['--set', 'prompts=24', '--set', 'samples=3', '--set', 'blocks=[0]'];

it('the quickstart ends in a report that has nothing against its own data, and runs nothing the second time', async () => {
  const { folder, remove } = await temporaryFolder();
  try {
    const first = await runPipeline(folder, FILE, ...SMALL);
    expect(first.status, first.stderr).toBe(0);
    const report = await readFile(path.join(folder, 'results', 'quickstart', 'report.html'), 'utf8');
    const warnings = [...report.matchAll(/class="warning"[^>]*><strong>([^<]*)/g)].map(([, said]) => said);
    // Eight models are few, and what models of rude texts say is rude: that is to be said, and no more.
    expect(warnings).toEqual(['n is small.', 'Content note.']);
    const second = await runPipeline(folder, FILE, ...SMALL);
    expect(second.counts).toMatchObject({ ran: 0, failed: 0 });
  } finally {
    await remove();
  }
});
