import { truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { folderOf, graph, load, loadFile, problems, task } from './help.ts';

function numbers(count: number): string {
  return Array.from({ length: count }, (_, at) => at).join(',');
}

function step(matrix: string, settings = 'source: a.csv'): string {
  return `steps:\n  s: { uses: prompts/sample, matrix: { ${matrix} }, with: { ${settings} } }\n`;
}

const LONG = `params: { a: ${'x'.repeat(400_000)} }\n`;

describe('work that a small file could ask for without end', () => {
  it('of exclusions is by combinations, not by entries times combinations', async () => {
    const entries = Array.from({ length: 30_000 }, (_, at) => `{a: ${at % 400}, b: ${(at % 75) + 100}}`);
    const found = await load(
      step(`a: [${numbers(400)}], b: [${numbers(75)}], exclude: [{a: 0, b: 1}, {a: 1}, ${entries.join(',')}]`),
    );
    expect(found.ok && found.graph.tasks.length).toBe(400 * 75 - 1 - 75);
  });

  it('of a file is refused beyond 64 MiB, without reading it', async () => {
    const folder = await folderOf({ 'large.yaml': 'sonde: 1\n' });
    await truncate(join(folder, 'large.yaml'), 64 * 1024 * 1024 + 1);
    const found = await loadFile(folder, 'large.yaml');
    expect(found.ok ? [] : found.diagnostics).toMatchObject([
      { code: 'SND102', message: expect.stringContaining('is larger than 64 MiB') },
    ]);
  });

  const codes: readonly (readonly [what: string, body: string, code: string])[] = [
    [
      'many sets of axes in exclusions',
      step(
        `${[...'abcdefghijklmnopq'].map((name) => `${name}: [0, 1]`).join(', ')}, exclude: [${Array.from(
          { length: 400 },
          (_, at) => `{${[...'abcdefghi'].filter((_name, bit) => ((at + 1) >> bit) & 1).map((name) => `${name}: 1`)}}`,
        ).join(',\n      ')}]`,
      ),
      'SND152',
    ],
    ['more values than a small file can have parsed', `params: { a: [${'0,'.repeat(500_000)}0] }\n`, 'SND102'],
    ['more lists than a small file can have parsed', `params: { a: [${'[10],'.repeat(200_000)}0] }\n`, 'SND102'],
    [
      'many inclusions for every combination',
      step(
        `a: [${numbers(20_000)}], include: [${Array.from({ length: 1000 }, (_, at) => `{x: ${at}}`).join(',\n      ')}]`,
      ),
      'SND152',
    ],
    [
      'many axes of one value beside one of many',
      step(`a: [${numbers(50_000)}], ${Array.from({ length: 1000 }, (_, at) => `b${at}: [0]`).join(',\n      ')}`),
      'SND152',
    ],
    [
      'a long text in many tasks',
      `${LONG}${step(`i: [${numbers(5000)}]`, 'source: "x${{ params.a }}${{ matrix.i }}"')}`,
      'SND102',
    ],
    [
      'a long path in many tasks',
      `${LONG}${step(`i: [${numbers(500)}]`, 'source: "${{ params.a }}${{ matrix.i }}"')}`,
      'SND160',
    ],
    [
      'a long text a thousand times in one',
      `${LONG}${step('i: [0]', `source: "${'${{ params.a }}'.repeat(1000)}"`)}`,
      'SND102',
    ],
    [
      'a long list in many tasks',
      `params: { a: [${numbers(50_000)}] }\n${step(`i: [${numbers(1000)}]`, 'source: "${{ params.a }}"')}`,
      'SND102',
    ],
    [
      'steps that all wait for all',
      `steps:
  a: { uses: prompts/sample, matrix: { a: [${numbers(4000)}] }, with: { source: a.csv } }
  b: { uses: prompts/sample, needs: [a], matrix: { b: [${numbers(4000)}] }, with: { source: a.csv } }
`,
      'SND102',
    ],
  ];
  it.each(codes)('is refused: %s', async (_, body, code) => {
    const found = await problems(body);
    expect(found.map((one) => one.code)).toContain(code);
    expect(found.length).toBeLessThan(60);
  });

  it('is done where files use files by the ten thousand', async () => {
    const deep = 13;
    const files: Record<string, string> = {
      [`f${deep}.yaml`]: 'sonde: 1\nname: b\nsteps:\n  s: { uses: prompts/sample, with: { source: /x.csv } }\n',
    };
    for (let at = 0; at < deep; at++)
      files[`f${at}.yaml`] =
        `sonde: 1\nname: b\nsteps:\n  s: { uses: ./f${at + 1}.yaml }\n  t: { uses: ./f${at + 1}.yaml }\n`;
    const found = await loadFile(await folderOf(files), 'f0.yaml');
    expect(found.ok && found.graph.tasks.length).toBe(2 ** deep);
  });

  it('of a cycle of thousands of steps is one message of a line', async () => {
    const steps = Array.from(
      { length: 3000 },
      (_, at) => `  s${at}: { uses: text/score, with: { texts: x }, needs: [s${(at + 1) % 3000}] }`,
    );
    const [found] = await problems(`steps:\n${steps.join('\n')}\n`);
    expect(found?.code).toBe('SND143');
    expect(found?.message).toMatch(/s22 → s23 → 2976 more → s0$/);
  });
});

it('a fault is told where it is, also where the parser cannot go on after it', async () => {
  const entries = Array.from({ length: 3000 }, (_, at) => `      {a: ${at}}`);
  const [found] = await problems(step(`a: [1], exclude: [\n{a: 0},\n${entries.join(',\n')}]`));
  expect(found).toMatchObject({ code: 'SND101', message: expect.stringContaining('sufficiently indented') });
  const deep = Array.from({ length: 2000 }, (_, at) => `${' '.repeat(at)}a:`);
  expect(await problems(`${deep.join('\n')}\n`)).toMatchObject([{ code: 'SND102' }]);
});

it('a message is a line that can be read, whatever it quotes', async () => {
  const [found] = await problems(`steps:\n  s: { uses: ${'k'.repeat(100_000)} }\n`);
  expect(found).toMatchObject({ code: 'SND140', message: expect.stringMatching(/^unknown step kind `k{900,}…$/) });
  expect(found?.message.length).toBe(1000);
});

describe('problems of one kind', () => {
  it('are told fifty times, and how many more there are', async () => {
    const texts = Array.from({ length: 1000 }, (_, at) => `t${at}`).join(',');
    const found = await problems(step(`a: [${texts}]`, 'source: a.csv, count: "${{ matrix.a }}"'));
    expect(found).toHaveLength(51);
    expect(found.at(-1)).toMatchObject({ code: 'SND107', message: '950 more problems of this kind' });
  });

  it('end the search after ten thousand, and that is told', async () => {
    const found = await problems(step(`a: [${numbers(30_000)}]`, 'source: a.csv, count: ten'));
    expect(found).toMatchObject([
      { code: 'SND102', message: 'there are more than 10000 problems' },
      { code: 'SND107', times: 10_000 },
    ]);
  });

  it('are told once where all tasks have the same, with the count', async () => {
    const found = await problems(step(`a: [${numbers(1000)}]`, 'source: a.csv, count: ten'));
    expect(found).toMatchObject([{ code: 'SND107', times: 1000 }]);
  });
});

describe('numbers', () => {
  it.each(['017', '-007', '.inf', '.nan', '9007199254740993', '1e400', '1e-400'])(
    '%s is refused where it stands',
    async (written) => {
      const all = await problems(`params: { a: [1, ${written}] }\n${step('i: [0]')}`);
      const found = all.find(({ code }) => code === 'SND111');
      expect(found?.range?.file.text.slice(found.range.start, found.range.end)).toBe(written);
    },
  );

  it('are what is written otherwise', async () => {
    const found = await graph(step('a: [0o17, 0x1F, -0.0, 0.5, 1e3, 9007199254740991, "017"]'));
    expect(found.tasks.map(({ axes }) => axes.a)).toEqual([15, 31, 0, 0.5, 1000, 9007199254740991, '017']);
  });

  it('and booleans become text where only text is taken and an expression brings them', async () => {
    const found = await graph(`params: { quick: true }
steps:
  c:
    uses: command
    matrix: { i: [1, 2.5] }
    with:
      argv: [python, "\${{ matrix.i }}"]
      env: { QUICK: "\${{ params.quick }}" }
      outputs: { t: { type: json, file: t.json } }
`);
    expect(task(found, 'c[i=2.5]').with).toMatchObject({ argv: ['python', '2.5'], env: { QUICK: 'true' } });
  });

  it('that are written where text is wanted are still refused', async () => {
    const found = await problems(`steps:
  c: { uses: command, with: { argv: [python, 1.10], outputs: { t: { type: json, file: t.json } } } }
`);
    expect(found.map(({ message }) => message)).toEqual(['`argv[1]`: expected string, found number 1.1']);
  });
});

it('a hundred thousand numbers fit into a file, and more of longer ones', async () => {
  for (const list of [numbers(100_000), Array.from({ length: 150_000 }, (_, at) => at / 1000).join(',')])
    expect((await graph(`params: { a: [${list}] }\n${step('i: [0]')}`)).tasks).toHaveLength(1);
});

it('ten thousand steps of several lines each fit into a file', async () => {
  const note = 'x'.repeat(200);
  const steps = Array.from(
    { length: 10_000 },
    (_, at) =>
      `  step_${at}:\n    uses: prompts/sample\n    description: ${note}\n    with: { source: a.csv, seed: ${at} }\n`,
  );
  expect((await graph(`steps:\n${steps.join('')}`)).tasks).toHaveLength(10_000);
});
