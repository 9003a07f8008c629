import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { root, sonde, temporaryFolder } from './sonde.ts';

describe('sonde score', () => {
  let folder: string;
  let remove: () => Promise<void>;
  beforeAll(async () => {
    ({ folder, remove } = await temporaryFolder());
  });
  afterAll(() => remove());

  function start(...args: string[]) {
    const child = spawn(process.execPath, [path.join(root, 'dist', 'cli.js'), 'score', ...args], {
      cwd: folder,
      env: { ...process.env, NO_COLOR: '1', SONDE_STORE: path.join(folder, 'store') },
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    return { child, ended, line: async () => String((await lines.next()).value) };
  }

  it('answers each line of standard input before it has the next', async () => {
    const { child, ended, line } = start('embedded:toxicity', '-', '--json');
    child.stdin.write('You idiot\n');
    expect(JSON.parse(await line())).toMatchObject({
      text: 'You idiot',
      outcome: 'ok',
      scores: { INSULT: expect.closeTo(1, 2) },
    });
    child.stdin.write('\r\nGood mor');
    expect(JSON.parse(await line())).toEqual({ text: '', outcome: 'empty', scores: null });
    child.stdin.end('ning \u{1F600}');
    const { text, scores } = JSON.parse(await line());
    expect([text, scores.INSULT < 0.5]).toEqual(['Good morning \u{1F600}', true]);
    expect(await ended).toBe(0);
  });

  it('shows a table, whatever a text would do to a terminal', async () => {
    await writeFile(path.join(folder, 'texts.txt'), 'You \u001b[31mfool\u0000\n\u202eolleh\n');
    const scored = await sonde(folder, ['score', '{ kind: regex, words: { INSULT: [fool] } }', 'texts.txt']);
    expect(scored.stdout.split('\n')).toEqual([
      'INSULT  outcome    text',
      ' 0.000  ok         You \\u{1b}[31mfool\\u{0}',
      ' 0.000  ok         \\u{202e}olleh',
      '',
    ]);
    expect(scored.stderr).toMatch(/^2 texts by regex:[0-9a-f]{12}\n$/);
  });

  it('shows no terminal what it would obey in an error', async () => {
    const { status, stderr } = await sonde(folder, ['score', 'embedded:toxicity', 'no\u001b[31m\u202efile']);
    expect([status, stderr]).toEqual([2, expect.stringContaining('no\\u{1b}[31m\\u{202e}file')]);
  });

  it('scores a column of a table', async () => {
    await writeFile(path.join(folder, 'texts.jsonl'), '{"said":"You idiot"}\n{"said":null}\n{"said":""}\n');
    const args = ['score', 'embedded:toxicity', 'texts.jsonl', '--column', 'said', '--json'];
    const { stdout } = await sonde(folder, args);
    const rows = stdout.trim().split('\n');
    expect(rows.map((row) => JSON.parse(row).outcome)).toEqual(['ok', 'no_text', 'empty']);
    const without = await sonde(folder, ['score', 'embedded:toxicity', 'texts.jsonl']);
    expect(without).toMatchObject({ status: 2, stderr: expect.stringContaining('no column "text"') });
  });

  it.each([
    [
      'unitary/toxic-bert',
      /no file or folder .*of the hub it would be `hf:unitary\/toxic-bert`[\s\S]*a reference \(`embedded:toxicity`, a folder, `hf:owner\/name@revision`\), or an object with `kind`: `classifier`, `lm`, .*`http`/,
    ],
    ['embedded:toxicty', /did you mean "toxicity"\? There are: toxicity\./],
    ['toxicty', /did you mean `embedded:toxicity`/],
    ['toxicity', /what Sonde ships under this name is `embedded:toxicity`/],
    ['perspective', /did you mean `\{ kind: perspective, … \}`\? A scorer: a reference .* or an object with `kind`/],
    ['{ kind: regexp }', /expected one of `classifier`.*\n.*\n.*\n.*did you mean `regex`/],
    ['{ kind: column, columns: { TOXICITY: human } }', /kind column reads columns of a table/],
    ['embedded:parlour-base', /`embedded:parlour-base` is a model; expected scorer/],
  ])('says what is wrong with %s', async (scorer, message) => {
    const { status, stderr } = await sonde(folder, ['score', scorer, '/dev/null']);
    expect([status, stderr]).toEqual([2, expect.stringMatching(message)]);
  });
});
