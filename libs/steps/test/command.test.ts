import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { artifact, runStep, temporaryFolder } from './harness.ts';

let folder: string;
let remove: () => Promise<void>;
beforeAll(async () => ({ folder, remove } = await temporaryFolder()));
afterAll(() => remove());

const node = (script: string, ...args: string[]): string[] => [process.execPath, '-e', script, '--', ...args];

const expression = (name: string): string => `\${{ ${name} }}`;

describe('command', () => {
  it('gives the program copies of its inputs and takes the files it writes', async () => {
    const file = path.join(folder, 'words.txt');
    await writeFile(file, 'one two three');
    const result = await runStep('command', folder, {
      argv: node(
        "const fs = require('fs'); const [a, b] = process.argv.slice(1); fs.writeFileSync(b, JSON.stringify({ words: fs.readFileSync(a, 'utf8').split(' ').length }))",
        expression('inputs.words'),
        expression('outputs.count'),
      ),
      inputs: { words: { ...artifact('file', file), ref: 'words.txt' } },
      outputs: { count: { type: 'json', file: 'count.json' } },
    });
    expect(JSON.parse(await readFile(result.path('count'), 'utf8'))).toEqual({ words: 3 });
    expect(await readFile(file, 'utf8')).toBe('one two three');
  });

  it('turns a table that the program writes as CSV into Parquet', async () => {
    const result = await runStep('command', folder, {
      argv: node("require('fs').writeFileSync('t.csv', 'n\\n1\\n2\\n')"),
      outputs: { t: { type: 'table', file: 't.csv' } },
    });
    expect(await result.rows('t')).toEqual([{ n: 1 }, { n: 2 }]);
  });

  it('tells of files that change outside its folder while it runs', async () => {
    const place = path.join(folder, 'outside');
    await mkdir(path.join(place, 'store'), { recursive: true });
    for (const name of ['kept.txt', 'changed.txt', 'store/store.json']) await writeFile(path.join(place, name), 'a');
    const before = process.cwd();
    process.chdir(place);
    try {
      const script = `const fs = require('fs'); fs.writeFileSync('t.json', '1');
        for (const name of ['changed.txt', 'made.txt', '.hidden', 'store/blob']) fs.appendFileSync(process.argv[1] + '/' + name, 'more');`;
      const outputs = { t: { type: 'json', file: 't.json' } };
      const { warnings } = await runStep('command', folder, { argv: node(script, place), outputs });
      expect(warnings).toEqual([expect.stringContaining(`changed in ${place}: changed changed.txt, made made.txt. `)]);
      const quiet = await runStep('command', folder, {
        argv: node("require('fs').writeFileSync('t.json', '1')"),
        outputs,
      });
      expect(quiet.warnings).toEqual([]);
    } finally {
      process.chdir(before);
    }
  });

  it('passes only a small environment, with the GPUs that are its own', async () => {
    Object.assign(process.env, { SONDE_TEST_SECRET: 'secret', CUDA_VISIBLE_DEVICES: '2,3' });
    const result = await runStep('command', folder, {
      argv: node("require('fs').writeFileSync('e.json', JSON.stringify(process.env))"),
      env: { EXTRA: '1' },
      outputs: { e: { type: 'json', file: 'e.json' } },
    });
    const env = JSON.parse(await readFile(result.path('e'), 'utf8')) as Record<string, string>;
    expect(env).toMatchObject({ EXTRA: '1', CUDA_VISIBLE_DEVICES: '2,3' });
    expect(env.SONDE_TEST_SECRET).toBeUndefined();
  });

  it('shows the last lines of a program that fails, or that writes no output', async () => {
    const outputs = { t: { type: 'json', file: 't.json' } };
    await expect(
      runStep('command', folder, { argv: node("console.error('went wrong'); process.exit(3)"), outputs }),
    ).rejects.toThrow(/ended with status 3\nwent wrong/);
    await expect(runStep('command', folder, { argv: node("console.log('all well')"), outputs })).rejects.toThrow(
      'the program did not write its output t (t.json)\nall well',
    );
  });

  it('keeps the end of what a program says, however much that is and without a line break', async () => {
    const script =
      "const { writeSync } = require('fs'); const x = 'x'.repeat(1e6); for (let i = 0; i < 100; i++) { for (let at = 0; at < x.length; ) { try { at += writeSync(2, x.slice(at)); } catch (error) { if (error.code !== 'EAGAIN') throw error; } } } writeSync(2, 'the end'); process.exit(3)";
    const failed = runStep('command', folder, {
      argv: node(script),
      outputs: { t: { type: 'json', file: 't.json' } },
    });
    const message = await failed.then(String, (error: Error) => error.message);
    expect(message).toMatch(/x the end$|xthe end$/);
    expect(message.length).toBeLessThan(70_000);
  });

  it('refuses an output that is not of its type, and a program that is not there', async () => {
    const outputs = { t: { type: 'json', file: 't.json' } };
    await expect(
      runStep('command', folder, { argv: node("require('fs').writeFileSync('t.json', '{')"), outputs }),
    ).rejects.toThrow('is not of type json');
    await expect(
      runStep('command', folder, { argv: node("require('fs').writeFileSync('t.json', '{\"a\":1,\"a\":2}')"), outputs }),
    ).rejects.toThrow('is not of type json: it has the key "a" twice');
    await expect(runStep('command', folder, { argv: ['no-such-program-here'], outputs })).rejects.toThrow(
      'no-such-program-here could not be started: there is no such program on the PATH',
    );
  });

  it('refuses an output that is a link to a file elsewhere', async () => {
    await expect(
      runStep('command', folder, {
        argv: node("require('fs').symlinkSync(process.execPath, 't.bin')"),
        outputs: { t: { type: 'file', file: 't.bin' } },
      }),
    ).rejects.toThrow('output t (t.bin) is a symbolic link; a file was expected');
  });
});

/** Starts a child in a session of its own that holds standard output, and writes down its number. */
const LEAVE_A_CHILD = `
  const { spawn } = require('child_process');
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { detached: true, stdio: 'inherit' });
  child.unref();
  require('fs').writeFileSync(process.argv[1], String(child.pid));`;

/** Resolves as soon as the process has ended. */
async function end(pid: string): Promise<void> {
  while ((await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')) !== '') await setImmediate();
}

describe.skipIf(process.platform !== 'linux')('what a command leaves behind (Linux)', () => {
  const outputs = { pid: { type: 'file', file: 'pid.txt' } };

  it('is ended and named, and does not hold the step', async () => {
    const result = await runStep('command', folder, { argv: node(LEAVE_A_CHILD, expression('outputs.pid')), outputs });
    expect(result.warnings).toEqual([expect.stringMatching(/left a process behind, which the step has ended: .*node/)]);
    await end(await readFile(result.path('pid'), 'utf8'));
  });

  it('is ended where the step is stopped', async () => {
    const file = path.join(folder, 'pid-of-stopped.txt');
    const controller = new AbortController();
    const running = runStep(
      'command',
      folder,
      { argv: node(`${LEAVE_A_CHILD} setInterval(() => {}, 1000)`, file), outputs },
      { signal: controller.signal },
    );
    await until(() => existsSync(file) && readFileSync(file, 'utf8') !== '');
    controller.abort();
    await expect(running).rejects.toThrow('was ended by SIGTERM');
    await end(await readFile(file, 'utf8'));
  });
});

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await setImmediate();
}
