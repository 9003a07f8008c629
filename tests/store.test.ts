import { execFileSync } from 'node:child_process';
import { chmod, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sonde, temporaryFolder } from './sonde.ts';

let folder: string;
let remove: () => Promise<void>;
const run = (...args: string[]) => sonde(folder, args);
const inStore = (...names: string[]) => path.join(folder, 'store', ...names);

beforeEach(async () => {
  ({ folder, remove } = await temporaryFolder());
  await writeFile(
    path.join(folder, 'p.yaml'),
    `sonde: 1
name: small
steps:
  prompts: { uses: prompts/sample, with: { source: embedded:parlour-prompts, count: 6 } }
  states:
    uses: activations/capture
    with: { model: embedded:parlour-base, prompts: "\${{ steps.prompts.outputs.prompts }}", pool: [prompt] }
outputs: { prompts: "\${{ steps.prompts.outputs.prompts }}" }
`,
  );
  expect((await run('run', 'p.yaml')).status).toBe(0);
});
afterEach(() => remove());

/** The files below a folder of the store. */
async function filesIn(name: string): Promise<string[]> {
  const entries = await readdir(inStore(name), { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
}

describe('store verify', () => {
  it('is followed by a plan that says what was damaged, and a run that heals it', async () => {
    for (const file of await filesIn('results')) await writeFile(file, '');
    const verified = await run('store', 'verify');
    expect(verified).toMatchObject({ status: 4, stdout: expect.stringContaining('3 problems') });
    const planned = await run('plan', 'p.yaml');
    expect(planned.stdout).toMatch(/prompts .*its record is damaged/);
    expect((await run('run', 'p.yaml')).status).toBe(0);
    expect(await run('store', 'verify')).toMatchObject({ status: 0, stdout: expect.stringContaining('all sound') });
  });

  it('--repair writes an emptied store.json anew, without which no command works', async () => {
    await writeFile(inStore('store.json'), '');
    for (const command of [['plan', 'p.yaml'], ['runs'], ['store', 'verify']]) {
      expect(await run(...command)).toMatchObject({
        status: 4,
        stderr: expect.stringContaining('`sonde store verify --repair`'),
      });
    }
    const repaired = await run('store', 'verify', '--repair');
    expect(repaired).toMatchObject({ status: 0, stdout: expect.stringMatching(/store\.json: .* \(written anew\)/) });
    expect((await run('plan', 'p.yaml')).stdout).toContain('0 to run, 2 cached');
  });

  it('--repair makes content again that still lies in a folder of the store', async () => {
    await run('show', 'p.yaml', 'states.states', '--json');
    const [tree = ''] = await readdir(inStore('trees'));
    await rm(inStore('blobs', tree.slice(0, 2), tree));
    const repaired = await run('store', 'verify', '--repair');
    expect(repaired).toMatchObject({ status: 0, stdout: expect.stringContaining('made again from the record') });
    expect((await run('plan', 'p.yaml')).stdout).toContain('0 to run, 2 cached');
  });
});

/** Takes the right to write away, in the one way that holds for this user; the function returned gives it back. */
async function lock(): Promise<(() => Promise<void>) | undefined> {
  const store = inStore();
  if (process.getuid?.() !== 0) {
    const all = [store, ...(await readdir(store, { recursive: true })).map((name) => path.join(store, name))];
    for (const each of all) await chmod(each, 0o555);
    return async () => {
      for (const each of all) await chmod(each, 0o755);
    };
  }
  try {
    execFileSync('mount', ['--bind', store, store], { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  execFileSync('mount', ['-o', 'remount,ro,bind', store]);
  return async () => void execFileSync('umount', [store]);
}

describe('a store that cannot be written to', () => {
  it('answers every command that only reads, and says of the others what they lack', async ({ skip }) => {
    const unlock = await lock();
    if (unlock === undefined) return skip('this user may write everywhere, and may not mount');
    try {
      for (const command of [
        ['plan', 'p.yaml'],
        ['explain', 'p.yaml', 'states'],
        ['show', 'p.yaml', 'states'],
        ['show', 'p.yaml', 'prompts.prompts', '--out', 'prompts.csv'],
        ['show', 'p.yaml', 'states.states', '--out', 'states.npy'],
        ['show', 'p.yaml', 'states.states', '--json'],
        ['runs'],
        ['logs', 'last'],
        ['store', 'status'],
        ['store', 'verify'],
        ['store', 'gc', '--dry-run'],
      ]) {
        expect(await run(...command), command.join(' ')).toMatchObject({ status: 0 });
      }
      for (const command of [
        ['run', 'p.yaml'],
        ['store', 'verify', '--repair'],
        ['store', 'gc'],
      ]) {
        expect(await run(...command), command.join(' ')).toMatchObject({
          status: 4,
          stderr: expect.stringContaining('Give yourself the right to write in'),
        });
      }
    } finally {
      await unlock();
    }
  });
});

it('a command that has ended leaves nothing behind that another host would wait for', async () => {
  expect((await run('store', 'gc')).status).toBe(0);
  expect(await readdir(inStore('leases', 'holders'))).toEqual([]);
  expect(await readdir(inStore('tmp'))).toEqual([]);
});
