import { readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { readTable, rows } from '@sonde/tables';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { sonde, temporaryFolder } from './sonde.ts';

/** What the server was asked, and with which key. */
const asked: string[] = [];
const keys = new Set<string>();

let server: Server;
let folder: string;
let remove: () => Promise<void>;
beforeAll(async () => {
  ({ folder, remove } = await temporaryFolder());
  server = createServer((request, response) => {
    keys.add(new URL(request.url!, 'http://here').searchParams.get('key')!);
    let body = '';
    request.on('data', (part: Buffer) => {
      body += part;
    });
    request.on('end', () => {
      asked.push((JSON.parse(body) as { comment: { text: string } }).comment.text);
      const attributeScores = { TOXICITY: { summaryScore: { value: 0.25, type: 'PROBABILITY' } } };
      response.writeHead(200).end(JSON.stringify({ attributeScores, languages: ['en'] }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await remove();
});

const KEYS = ['PERSPEKTIVKEY-one', 'PERSPEKTIVKEY-two'];

/** A pipeline of two steps that score the same texts by a service. */
function pipeline(name: string, fields = ''): string {
  const { port } = server.address() as AddressInfo;
  const scorer = `{ kind: perspective, url: "http://127.0.0.1:${port}/", attributes: [TOXICITY], rate: 25${fields} }`;
  return `sonde: 1
name: ${name}
steps:
  a: { uses: text/score, with: { scorer: ${scorer}, texts: texts-a.jsonl } }
  b: { uses: text/score, with: { scorer: ${scorer}, texts: texts-b.jsonl } }
outputs: { a: "\${{ steps.a.outputs.scores }}", answers: "\${{ steps.a.outputs.answers }}" }
`;
}

function run(name: string, env: NodeJS.ProcessEnv) {
  return sonde(folder, ['run', `${name}.yaml`, '--allow-code', '--json', '--jobs', '2'], env);
}

it('a service is asked about a text once by two runs of two steps at once, and its keys are nowhere to be read', async () => {
  const texts = Array.from({ length: 120 }, (_, i) => ({ text_id: `${i}`, text: `text ${i}` }));
  const lines = (rows: readonly object[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  await writeFile(path.join(folder, 'texts-a.jsonl'), lines(texts));
  await writeFile(path.join(folder, 'texts-b.jsonl'), lines([...texts].reverse()));
  for (const name of ['first', 'second']) await writeFile(path.join(folder, `${name}.yaml`), pipeline(name));
  const env = { PERSPECTIVE_API_KEY: KEYS.join(',') };
  const runs = await Promise.all([run('first', env), run('second', env)]);
  expect(runs.map(({ status, stderr }) => [status, status === 0 ? '' : stderr])).toEqual([
    [0, ''],
    [0, ''],
  ]);
  expect(asked).toHaveLength(120);
  expect(new Set(asked).size).toBe(120);
  expect([...keys].sort()).toEqual(KEYS);

  // Without a key and without the service, what is kept is enough.
  await writeFile(path.join(folder, 'third.yaml'), pipeline('third', ', record: only'));
  const third = await run('third', { PERSPECTIVE_API_KEY: '' });
  expect(third.status).toBe(0);
  expect(asked).toHaveLength(120);

  // What was not kept is looked for again once more is kept, and not before.
  await writeFile(path.join(folder, 'texts-a.jsonl'), lines([...texts, { text_id: 'new', text: 'another text' }]));
  const lookUp = async () => {
    const { stdout } = await run('third', { PERSPECTIVE_API_KEY: '' });
    const table = await readTable(path.join(folder, 'results', 'third', 'a.parquet'));
    const cached = stdout.split('\n').filter((line) => line.includes('"task.cached"')).length;
    return { cached, last: [...rows(table)].at(-1)!.outcome };
  };
  expect(await lookUp()).toEqual({ cached: 1, last: 'not_recorded' });
  expect(await lookUp()).toEqual({ cached: 2, last: 'not_recorded' });
  expect((await run('first', env)).status).toBe(0);
  expect(asked).toHaveLength(121);
  expect(await lookUp()).toEqual({ cached: 0, last: 'ok' });
  expect(await lookUp()).toEqual({ cached: 2, last: 'ok' });

  const written = [...runs, third].map(({ stdout, stderr }) => stdout + stderr);
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) written.push(await readFile(path.join(entry.parentPath, entry.name), 'latin1'));
  }
  expect(written.length).toBeGreaterThan(20);
  expect(written.filter((text) => text.includes('PERSPEKTIVKEY'))).toEqual([]);
});
