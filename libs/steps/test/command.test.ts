import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
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

  it('passes only a small environment', async () => {
    process.env.SONDE_TEST_SECRET = 'secret';
    const result = await runStep('command', folder, {
      argv: node("require('fs').writeFileSync('e.json', JSON.stringify(process.env))"),
      env: { EXTRA: '1' },
      outputs: { e: { type: 'json', file: 'e.json' } },
    });
    const env = JSON.parse(await readFile(result.path('e'), 'utf8')) as Record<string, string>;
    expect(env).toMatchObject({ EXTRA: '1' });
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

  it('refuses an output that is not of its type, and a program that is not there', async () => {
    const outputs = { t: { type: 'json', file: 't.json' } };
    await expect(
      runStep('command', folder, { argv: node("require('fs').writeFileSync('t.json', '{')"), outputs }),
    ).rejects.toThrow('is not of type json');
    await expect(runStep('command', folder, { argv: ['no-such-program-here'], outputs })).rejects.toThrow(
      'no-such-program-here could not be started: there is no such program on the PATH',
    );
  });
});
