import { describe, expect, it } from 'vitest';
import { parseSetValue } from '../src/index.ts';
import { blamed, graph, load, problems, rendered, task } from './help.ts';

function withParams(params: string, settings: string): string {
  return `params: ${params}\nsteps:\n  a:\n    uses: report/html\n    with: { sections: {}, notes: ${settings} }\n`;
}

async function notes(params: string, settings: string, set = {}): Promise<unknown> {
  return task(await graph(withParams(params, settings), { set }), 'a').with.notes;
}

describe('expressions', () => {
  it('keep the type of a value when they are the whole scalar', async () => {
    expect(
      await notes(
        '{ n: 3, list: [1, { x: yes }], off: false }',
        '["${{ params.n }}", "${{ params.list }}", "${{ params.off }}"]',
      ),
    ).toEqual([3, [1, { x: 'yes' }], false]);
  });

  it('are formatted inside text', async () => {
    expect(await notes('{ n: 0.5, on: true, s: x }', '"n=${{ params.n }} ${{params.on}}-${{ params.s }}"')).toBe(
      'n=0.5 true-x',
    );
  });

  it('follow keys and items, quoted keys too', async () => {
    expect(await notes('{ x: { y: [{ "a b": 7 }] } }', `'\${{ params.x.y[0]["a b"] }}'`)).toBe(7);
  });

  it('take the value of a parameter or an axis as a key', async () => {
    expect(
      await notes(
        '{ x: { a: 1, b: 2 }, which: b, list: [7, 8], at: 1 }',
        '["${{ params.x[params.which] }}", "${{ params.list[params.at] }}"]',
      ),
    ).toEqual([2, 8]);
    const file = `params: { of: { p: [1], q: [2] } }
steps:
  a:
    uses: report/html
    matrix: { which: [p, q] }
    with: { sections: {}, notes: "\${{ params.of[matrix.which] }}" }
`;
    const made = await graph(file);
    expect(made.tasks.map((one) => one.with.notes)).toEqual([[1], [2]]);
  });

  it('say which key a parameter names that is not there, and what names none', async () => {
    const found = await problems(
      withParams(
        '{ x: { a: 1 }, which: b, no: [1] }',
        '["${{ params.x[params.which] }}", "${{ params.x[params.no] }}", "${{ params.x[params.nope] }}"]',
      ),
    );
    expect(found.map(({ code }) => code)).toEqual(['SND124', 'SND124', 'SND121']);
  });

  it('say what is there when a path leads nowhere', async () => {
    const found = await problems(
      withParams('{ x: { count: [1] } }', '["${{ params.x.cuont }}", "${{ params.x.count[3] }}"]'),
    );
    expect(found).toMatchObject([
      { code: 'SND124', hint: 'did you mean `count`?' },
      { code: 'SND124', hint: 'its items are 0 to 0' },
    ]);
  });

  it('refuse lists, maps and null inside text', async () => {
    const found = await problems(
      withParams('{ x: [1], y: { a: 1 }, z: { n: null } }', '"a${{ params.x }}b${{ params.y }}c${{ params.z.n }}"'),
    );
    expect(blamed(found)).toEqual(['SND123 ${{ params.x }}', 'SND123 ${{ params.y }}', 'SND123 ${{ params.z.n }}']);
  });

  it('point at the character where the syntax ends', async () => {
    expect(await rendered(withParams('{ n: 3 }', '"x ${{ params.n * 2 }}"'))).toMatchInlineSnapshot(`
      "pipe/t.yaml:7:50: error SND120: the expression should end here, found \`*\`
      7 |     with: { sections: {}, notes: "x \${{ params.n * 2 }}" }
        |                                                  ^
        hint: an expression is one name such as \`params.count\` or \`steps.prompts.outputs.prompts\`; there are no operators or functions"
    `);
  });

  it('find the character in quoted, folded and block text', async () => {
    const body =
      'params: { n: 1 }\nsteps:\n  a:\n    uses: report/html\n    with:\n      sections: {}\n      notes:\n        - >-\n          folded\n          ${{ params. }}\n        - |\n          block\n          ${{ params.n + }}\n        - "\\t${{ 3 }}"\n';
    const found = await problems(body);
    expect(found.map(({ range }) => range!.file.text.slice(range!.start - 3, range!.end))).toEqual([
      'ms. ',
      '.n +',
      '{{ 3',
    ]);
  });

  it('never read the environment', async () => {
    const found = await problems(withParams('{}', '["${{ env.HOME }}", "${{ secrets.TOKEN }}"]'));
    expect(blamed(found)).toEqual(['SND122 env', 'SND122 secrets']);
  });

  it('know only what their place allows', async () => {
    const found = await problems(`
params: { p: "\${{ params.q }}" }
steps:
  a: { uses: report/html, matrix: { m: ["\${{ steps.b.outputs.scores }}"] }, with: { sections: {}, notes: "\${{ matrx.m }}" } }
  b: { uses: text/score, with: { texts: "\${{ matrix.m }}" }, retries: "\${{ steps.a.outputs.report }}" }
`);
    expect(blamed(found)).toEqual([
      'SND125 "${{ params.q }}"',
      'SND125 ${{ steps.b.outputs.scores }}',
      'SND121 ${{ matrx.m }}',
      'SND121 ${{ matrix.m }}',
      'SND125 ${{ steps.a.outputs.report }}',
    ]);
  });

  it('refuse a step’s output where no artifact is taken', async () => {
    const found = await problems(`
steps:
  a: { uses: text/score, with: { texts: x } }
  b: { uses: prompts/sample, with: { source: x, count: "\${{ steps.a.outputs.scores }}" } }
  c: { uses: report/html, with: { sections: {}, title: "on \${{ steps.a.outputs.scores }}", notes: ["\${{ steps.a.outputs.scores }}"] } }
`);
    expect(found.map(({ code }) => code)).toEqual(['SND145', 'SND123', 'SND145']);
  });

  it('leave what a step fills in itself, after checking its name', async () => {
    const step = (argv: string): string =>
      `params: { n: 2 }\nsteps:\n  c:\n    uses: command\n    with:\n      argv: [python, ${argv}, "\${{ params.n }}x"]\n      inputs: { script: a.py }\n      outputs: { t: { type: json, file: t.json } }\n`;
    expect(task(await graph(step('"--in=${{inputs.script}}", "${{ outputs.t }}"')), 'c').with.argv).toEqual([
      'python',
      '--in=${{ inputs.script }}',
      '${{ outputs.t }}',
      '2x',
    ]);
    const found = await problems(step('"${{ inputs.scirpt }}"'));
    expect(found).toMatchObject([{ code: 'SND121', hint: 'did you mean `script`?' }]);
  });
});

describe('outputs that only a config names', () => {
  it('must be there, though the kind itself does not know them', async () => {
    const found = await problems(
      `steps:\n  c: { uses: command, with: { argv: [a], outputs: { t: { type: json, file: t.json } } } }\n  d: { uses: command, with: { argv: [a], inputs: { x: "\${{ steps.c.outputs.typo }}" }, outputs: { u: { type: json, file: u.json } } } }\n`,
    );
    expect(found).toMatchObject([
      { code: 'SND142', message: 'the step `c` has no output `typo`', hint: 'its outputs: `t`' },
    ]);
  });
});

describe('parameters', () => {
  it('take a list for a list, one value for one value, and a map for text', async () => {
    expect(await notes('{ n: 3 }', '"${{ params.n }}"', { n: 4.5 })).toBe(4.5);
    expect(await notes('{ n: 3 }', '"${{ params.n }}"', { n: 'all' })).toBe('all');
    expect(await notes('{ t: a }', '"${{ params.t }}"', { t: { ref: 'a' } })).toEqual({ ref: 'a' });
    expect(await notes('{ t: { ref: a } }', '"${{ params.t }}"', { t: 'a' })).toBe('a');
    const found = await problems(
      withParams('{ n: 3, l: [a], x: 1 }', '["${{ params.n }}", "${{ params.l }}", "${{ params.x }}"]'),
      { set: { n: [10], l: 'b', m: 1, x: { a: 1 } } },
    );
    expect(found.map(({ code, message }) => `${code} ${message}`).sort()).toEqual([
      'SND130 the pipeline `t` has no parameter `m`',
      'SND132 the parameter `l` takes a list, found string "b"',
      'SND132 the parameter `n` takes a number, found list',
      'SND132 the parameter `x` takes a number, found map',
    ]);
    expect(found.find(({ message }) => message.includes('`l`'))?.hint).toContain("--set l='[a, b]'");
    expect((await problems(withParams('{ n: 3 }', '"${{ params.n }}"'), { set: { n: null } }))[0]?.code).toBe('SND132');
  });

  it('are judged by the place that uses them', async () => {
    const body =
      'params: { n: 3, r: 1 }\nsteps:\n  a: { uses: prompts/sample, with: { source: x, count: "${{ params.n }}" }, retries: "${{ params.r }}" }';
    expect(await rendered(body, { set: { n: 'ten', r: 'twice' } })).toMatchInlineSnapshot(`
      "--set:1:3: error SND170: \`retries\` must be an integer from 0 to 100, found string "twice"
      1 | r="twice"
        |   ^^^^^^^
        hint: used in t.yaml, line 5
      --set:1:3: error SND107: \`count\`: expected integer, found string "ten"
      1 | n="ten"
        |   ^^^^^
        hint: used in t.yaml, line 5"
    `);
  });

  it('must be set where the default is null', async () => {
    expect(await problems(withParams('{ n: ~ }', '"${{ params.n }}"'))).toMatchObject([
      { code: 'SND131', hint: 'add --set n=…' },
    ]);
    expect(await notes('{ n: ~ }', '"${{ params.n }}"', { n: [1] })).toEqual([1]);
  });

  it('are blamed where their wrong value is said', async () => {
    const body =
      'params: { n: 3 }\nsteps:\n  a: { uses: prompts/sample, with: { source: x, count: "${{ params.n }}" } }';
    expect(await rendered(body, { set: { n: 0 } })).toMatchInlineSnapshot(`
      "--set:1:3: error SND108: \`count\`: must be 1 or more, found integer 0
      1 | n=0
        |   ^
        hint: used in t.yaml, line 5"
    `);
  });

  it('warn when nothing reads them', async () => {
    const result = await load('params: { n: 3 }\nsteps:\n  a: { uses: report/html, with: { sections: {} } }');
    expect(result.ok ? blamed(result.warnings) : []).toEqual(['SND133 n']);
  });

  it('are YAML on the command line', () => {
    expect(parseSetValue('[a, 1]')).toEqual(['a', 1]);
    expect(parseSetValue('yes')).toBe('yes');
    expect(parseSetValue('')).toBe(null);
    expect(() => parseSetValue('[a')).toThrow(/is not YAML/);
  });
});

describe('data references', () => {
  const source = (text: string): string =>
    `steps:\n  a: { uses: prompts/sample, with: { source: ${JSON.stringify(text)} } }`;
  const ref = async (text: string): Promise<unknown> => task(await graph(source(text)), 'a').with.source;
  const sha = 'ab'.repeat(32);

  it('are paths, embedded names, hub names and addresses', async () => {
    expect(await ref('./a b.jsonl')).toMatchObject({
      scheme: 'path',
      target: '/work-folder/pipe/a b.jsonl',
      ref: './a b.jsonl',
    });
    expect(await ref('./a:b')).toMatchObject({ scheme: 'path' });
    expect(await ref('prompts: some text')).toMatchObject({ scheme: 'path' });
    expect(await ref('C:\\x')).toMatchObject({ scheme: 'path' });
    expect(await ref('embedded:parlour-prompts')).toMatchObject({ scheme: 'embedded', target: 'parlour-prompts' });
    expect(await ref('hf:owner/name@main/data/x.parquet')).toMatchObject({
      scheme: 'hf',
      target: 'owner/name@main/data/x.parquet',
    });
    expect(await ref(`https://example.org/a?b=c#sha256=${sha}`)).toMatchObject({
      scheme: 'https',
      target: 'https://example.org/a?b=c',
      sha256: sha,
      types: ['table', 'file'],
    });
  });

  it('are refused when malformed', async () => {
    const code = async (text: string): Promise<string | undefined> => (await problems(source(text)))[0]?.code;
    expect(await code('https://example.org/a')).toBe('SND162');
    expect(await code('https://example.org/a#sha256=12')).toBe('SND162');
    expect(await code('http://example.org/a')).toBe('SND161');
    expect(await code('s3:bucket/x')).toBe('SND161');
    expect(await code('hf:name')).toBe('SND160');
    expect(await code('hf:owner/../x')).toBe('SND160');
    expect(await code('embedded:')).toBe('SND160');
    expect(await code(' ')).toBe('SND160');
  });

  it('are asked for once, and blamed where they are said', async () => {
    const asked: string[] = [];
    const body =
      'params: { file: none.jsonl }\nsteps:\n  a: { uses: text/score, matrix: { m: [1, 2, 3] }, with: { texts: "${{ params.file }}" } }';
    const found = await problems(body, {
      dataProblem: (ref) => {
        asked.push(ref.ref);
        return ref.scheme === 'path' ? `the file ${ref.ref} does not exist` : undefined;
      },
    });
    expect(asked).toEqual(['none.jsonl', 'embedded:toxicity']);
    expect(blamed(found)).toEqual(['SND163 none.jsonl']);
    expect(found[0]?.hint).toBe('used in line 5');
  });

  it('begin where the value that a text begins with was said', async () => {
    const body =
      'params: { dir: data }\nsteps:\n  a: { uses: text/score, with: { texts: "${{ params.dir }}/x.jsonl" } }';
    expect(task(await graph(body, { set: { dir: '../d' } }), 'a').with.texts).toMatchObject({ target: '/d/x.jsonl' });
    expect(task(await graph(body), 'a').with.texts).toMatchObject({ target: '/work-folder/pipe/data/x.jsonl' });
  });
});
