import { readFile, writeFile } from 'node:fs/promises';
import stringWidth from 'string-width';
import { describe, expect, it } from 'vitest';
import { CODES, loadPipelineText, renderDiagnostic } from '../src/index.ts';
import { blamed, load, problems, rendered } from './help.ts';
import { kinds } from './kinds.ts';

function step(settings: string, kind = 'prompts/sample'): string {
  return `steps:\n  a: { uses: ${kind}, with: ${settings} }`;
}

describe('bad files', () => {
  it('a typo in a key, a wrong type, a value out of range, a missing key', async () => {
    expect(
      await rendered(`
stepz: {}
params: { n: 1 }
steps:
  Prompts: { uses: prompts/sample, with: { source: a.jsonl, cuont: 3, seed: ten } }
  b: { uses: prompt/sample }
  c: { uses: prompts/sample, with: { count: 0, template: chatt }, resources: { memory: 20GB, gpu: 1 } }
  d: { with: {} }
`),
    ).toMatchInlineSnapshot(`
      "pipe/t.yaml:4:1: error SND104: unknown key \`stepz\` in a pipeline
      4 | stepz: {}
        | ^^^^^
        hint: did you mean \`steps\`?
      pipe/t.yaml:7:3: error SND109: \`Prompts\` is not a name for a step
      7 |   Prompts: { uses: prompts/sample, with: { source: a.jsonl, cuont: 3, seed: ten } }
        |   ^^^^^^^
        hint: lower-case letters, digits, \`_\` and \`-\`, a letter first
      pipe/t.yaml:7:61: error SND104: unknown key \`cuont\`
      7 |   Prompts: { uses: prompts/sample, with: { source: a.jsonl, cuont: 3, seed: ten } }
        |                                                             ^^^^^
        hint: did you mean \`count\`?
      pipe/t.yaml:7:77: error SND107: \`seed\`: expected integer, found string "ten"
      7 |   Prompts: { uses: prompts/sample, with: { source: a.jsonl, cuont: 3, seed: ten } }
        |                                                                             ^^^
      pipe/t.yaml:8:14: error SND140: unknown step kind \`prompt/sample\`
      8 |   b: { uses: prompt/sample }
        |              ^^^^^^^^^^^^^
        hint: did you mean \`prompts/sample\`?
      pipe/t.yaml:9:36: error SND106: \`source\` is missing
      9 |   c: { uses: prompts/sample, with: { count: 0, template: chatt }, resources: { memory: 20GB, gpu: 1 } }
        |                                    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
        hint: A table of texts.
      pipe/t.yaml:9:45: error SND108: \`count\`: must be 1 or more, found integer 0
      9 |   c: { uses: prompts/sample, with: { count: 0, template: chatt }, resources: { memory: 20GB, gpu: 1 } }
        |                                             ^
      pipe/t.yaml:9:58: error SND108: \`template\`: expected one of \`none\`, \`instruct\`, \`chat\`, found string "chatt"
      9 |   c: { uses: prompts/sample, with: { count: 0, template: chatt }, resources: { memory: 20GB, gpu: 1 } }
        |                                                          ^^^^^
        hint: did you mean \`chat\`?
      pipe/t.yaml:9:94: error SND104: unknown key \`gpu\` in \`resources\`
      9 |   c: { uses: prompts/sample, with: { count: 0, template: chatt }, resources: { memory: 20GB, gpu: 1 } }
        |                                                                                              ^^^
        hint: did you mean \`gpus\`?
      pipe/t.yaml:10:3: error SND106: the step \`d\` does not say what it \`uses\`
      10 |   d: { with: {} }
         |   ^
        hint: name a step kind, for example \`uses: prompts/sample\` (see \`sonde steps\`)"
    `);
  });

  it('cycles show their path', async () => {
    expect(
      await rendered(`
steps:
  a: { uses: text/score, with: { texts: "\${{ steps.b.outputs.scores }}" } }
  b: { uses: text/score, with: { texts: "\${{ steps.c.outputs.scores }}" } }
  c: { uses: text/score, with: { texts: x.jsonl }, needs: [a] }
  d: { uses: text/score, with: { texts: "\${{ steps.d.outputs.scores }}" } }
`),
    ).toMatchInlineSnapshot(`
      "pipe/t.yaml:5:42: error SND143: steps wait for each other: a → b → c → a
      5 |   a: { uses: text/score, with: { texts: "\${{ steps.b.outputs.scores }}" } }
        |                                          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
        hint: \`a\` needs \`b\` (line 5), \`b\` needs \`c\` (line 6), \`c\` needs \`a\` (line 7)
      pipe/t.yaml:8:42: error SND143: the step \`d\` refers to itself
      8 |   d: { uses: text/score, with: { texts: "\${{ steps.d.outputs.scores }}" } }
        |                                          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^"
    `);
  });

  it('a oneOf is reduced to the branch that was meant', async () => {
    const generate = (extra: string): string => step(`{ model: m, prompts: p, ${extra} }`, 'text/generate');
    const said = async (extra: string): Promise<readonly string[]> =>
      (await problems(generate(extra))).map(({ code, message }) => `${code} ${message}`);
    expect(await said('capture: { layers: al }')).toEqual(
      ['SND107 `capture.layers`: expected `all` or list, found string "al"'].map((line) =>
        line.replace('SND107', 'SND108'),
      ),
    );
    expect(await said('capture: { layers: [1, x] }')).toEqual([
      'SND107 `capture.layers[1]`: expected integer, found string "x"',
    ]);
    expect(await said('interventions: [{ kind: ad, vector: v }]')).toEqual([
      'SND108 `interventions[0].kind`: expected one of `bypass`, `add`, found string "ad"',
    ]);
    expect(await said('interventions: [{ kind: add }]')).toEqual(['SND106 `interventions[0].vector` is missing']);
    expect(await said('capture: { pool: [prompt, prompt] }')).toEqual([
      'SND108 `capture.pool`: the list has `prompt` twice',
    ]);
    expect(
      (await problems(step('{ model: { ref: m, dtyp: x }, prompts: p }', 'text/generate'))).map(({ code }) => code),
    ).toEqual(['SND104']);
    expect((await problems(step('{ model: 3, prompts: p }', 'text/generate'))).map(({ message }) => message)).toEqual([
      '`model`: expected a model or map, found integer 3',
    ]);
  });

  it('keys and words that a later version does', async () => {
    const said = async (more: string): Promise<readonly string[]> =>
      (await problems(step(`{ prompts: p, ${more} }`, 'text/generate'))).map(
        ({ code, message }) => `${code} ${message}`,
      );
    expect(await said('model: { ref: m, quantization: nf4 }')).toEqual([
      'SND181 `model.quantization` is not available in this version',
    ]);
    expect(await said('model: m, capture: { pool: [tokens] }')).toEqual([
      'SND181 `capture.pool[0]: tokens` is not available in this version',
    ]);
    expect(await said('model: m, interventions: [{ kind: erase, direction: d }]')).toEqual([
      'SND181 `interventions[0].kind: erase` is not available in this version',
    ]);
  });

  it('suggestions only of names that are near', async () => {
    const hint = async (uses: string): Promise<string | undefined> => (await problems(step('{}', uses)))[0]?.hint;
    expect(await hint('comand')).toContain('`command`');
    expect(await hint('bogus')).not.toContain('did you mean');
    const keys = await problems('steps:\n  a: { uses: report/html, wiht: { sections: {} } }');
    expect(keys.map((problem) => problem.hint)).toContain('did you mean `with`?');
  });

  it('the kind’s own check points at its setting', async () => {
    expect(blamed(await problems(step('{ model: m, prompts: p, top_p: 0.5 }', 'text/generate')))).toEqual([
      'SND180 0.5',
    ]);
  });

  it('references of the wrong type, to outputs not made, or not there', async () => {
    const body = (expression: string): string =>
      `steps:\n  g: { uses: text/generate, with: { model: m, prompts: p } }\n  s: { uses: text/score, with: { texts: "\${{ ${expression} }}" } }`;
    expect((await problems(body('steps.g.outputs.states'))).map(({ code }) => code)).toEqual(['SND149']);
    expect(
      (await problems(body('steps.g.outputs.states').replace('prompts: p', 'prompts: p, capture: {}'))).map(
        ({ code }) => code,
      ),
    ).toEqual(['SND146']);
    expect(await problems(body('steps.g.outputs.continuation'))).toMatchObject([
      { code: 'SND142', hint: 'did you mean `continuations`?' },
    ]);
    expect(await problems(body('steps.gg.outputs.continuations'))).toMatchObject([
      { code: 'SND141', hint: 'did you mean `g`?' },
    ]);
    expect(await problems(body('steps.g.continuations'))).toMatchObject([
      { code: 'SND121', hint: 'write `steps.g.outputs.continuations`' },
    ]);
  });

  it('one problem of a matrix step is one diagnostic', async () => {
    expect(
      blamed(
        await problems(
          'steps:\n  a: { uses: prompts/sample, matrix: { m: [1, 2, 3] }, with: { source: x, count: no } }',
        ),
      ),
    ).toEqual(['SND107 no']);
  });

  it('steps after one with problems are still checked, without follow-on problems', async () => {
    const found = await problems(`
steps:
  a: { uses: prompts/sample, with: { source: x, count: no } }
  b: { uses: text/generate, with: { model: m, prompts: "\${{ steps.a.outputs.prompts }}", seed: no } }
  c: { uses: text/score, with: { texts: "\${{ steps.b.outputs.continuations }}" } }
`);
    expect(blamed(found)).toEqual(['SND107 no', 'SND107 no']);
  });

  it('settings of a step', async () => {
    const found = await problems(
      `steps:\n  a: { uses: report/html, with: { sections: {} }, resources: { device: tpu, memory: 5, cpus: 0, time: 2 hours }, retries: -1, timeout: 30 }`,
    );
    expect(found.map(({ code }) => code)).toEqual(Array(6).fill('SND170'));
    const more = await problems(
      `steps:\n  a: { uses: report/html, with: { sections: {} }, resources: { device: cpu, gpus: 2 }, on_failure: { memory: 2, time: x1, disk: x2 } }`,
    );
    expect(blamed(more)).toEqual(['SND170 2', 'SND170 2', 'SND170 x1', 'SND104 disk']);
  });

  it('YAML that is not taken', async () => {
    const codes = async (text: string): Promise<readonly string[]> => {
      const result = await loadPipelineText(text, 'x.yaml', { kinds, cwd: '/' });
      return result.ok ? [] : result.diagnostics.map(({ code }) => code);
    };
    const good = 'sonde: 1\nname: t\nsteps:\n  a: { uses: report/html, with: { sections: {} } }\n';
    expect(await codes(good)).toEqual([]);
    expect(await codes(`${good}  a: {}\n`)).toEqual(['SND105']);
    expect(await codes(`${good}params:\n  <<: { a: 1 }\n`)).toEqual(['SND111']);
    expect(await codes(`${good}params: { a: !x 1, b: .inf }\n`)).toEqual(['SND111']);
    expect(await codes(`${good}params: { 1: 1, $: 1, n: 12345678901234567890 }\n`)).toEqual([
      'SND111',
      'SND111',
      'SND111',
    ]);
    expect(await codes(`${good}params:\n\ta: 1\n`)).toEqual(['SND101']);
    expect(await codes(`${good}---\n${good}`)).toEqual(['SND101']);
    expect(await codes(good.replace('sonde: 1', 'sonde: 2'))).toEqual(['SND110']);
    expect(await codes('sonde: 1\nname: t\nsteps: {}\n')).toEqual(['SND112']);
    expect(await codes('sonde: 1\nname: t\n')).toEqual(['SND112']);
    expect(await codes('- a\n')).toEqual(['SND107']);
    expect(await codes('# nothing\n')).toEqual(['SND112']);
    expect(await codes('['.repeat(100_000))).toEqual(['SND102']);
    expect(await codes(`${'- '.repeat(90)}a`)).toEqual(['SND102']);
    expect(
      await codes(
        `a: &a [x, x, x, x, x, x, x, x, x, x]\n${[...'bcdefgh'].map((key, at) => `${key}: &${key} [${Array(10).fill(`*${'abcdefg'[at]}`).join(', ')}]`).join('\n')}`,
      ),
    ).toContain('SND102');
    expect(await codes('a: &a [*a]\n')).toContain('SND101');
    expect(await codes(`a: ${'&a '.repeat(100_000)}`)).toEqual(['SND102']);
    expect(await codes(`a: ${'"a" '.repeat(100_000)}`)).toEqual(['SND102']);
    expect(await codes(`a: ${'}} '.repeat(100_000)}`)).toEqual(['SND102']);
  });

  it('an expression that YAML takes apart gets the advice to quote it', async () => {
    const [problem] = await problems('steps:\n  a: { uses: prompts/sample, with: { source: ${{ params.x }} } }');
    expect(problem).toMatchObject({
      code: 'SND101',
      hint: 'inside `{ }` or `[ ]` an expression must be quoted: "${{ … }}"',
    });
  });
});

describe('rendering', () => {
  const caretsOf = async (line: string, options = {}): Promise<{ text: string; from: number; to: number }> => {
    const [problem] = await problems(`steps:\n  a:\n    uses: prompts/sample\n    with:\n      source: a\n${line}`);
    const [, text = '', carets = ''] = renderDiagnostic(problem!, options).split('\n');
    return { text, from: carets.indexOf('^'), to: carets.lastIndexOf('^') + 1 };
  };

  it('puts carets under the whole value, whatever the width of what stands before it', async () => {
    const { text, from, to } = await caretsOf('      template: "漢字 é 👩‍🔬"');
    expect(from).toBe(stringWidth(text.slice(0, text.indexOf('"漢'))));
    expect(to).toBe(stringWidth(text));
    const wide = await caretsOf('      {"漢": 1, count: no}'.replace('{', 'template: {'));
    expect(wide.from).toBeGreaterThan(0);
  });

  it('counts columns in code points', async () => {
    const [problem] = await problems('steps:\n  a: { uses: prompts/sample, with: { source: "😀😀", count: no } }');
    expect(renderDiagnostic(problem!).split(':')[2]).toBe(
      String('  a: { uses: prompts/sample, with: { source: "😀😀", count: '.length - 2 + 1),
    );
  });

  it('keeps carets right after tabs, and shows no control characters', async () => {
    const [problem] = await problems(
      'steps:\n  a: { uses: prompts/sample, with: {\tsource: "\u001b[31m",\tcount: no } }',
    );
    const [, text = '', carets = ''] = renderDiagnostic(problem!).split('\n');
    expect(text).not.toContain('\u001b');
    expect(carets.indexOf('^')).toBe(stringWidth(text.slice(0, text.indexOf('no }'))));
  });

  it('cuts long lines around the problem', async () => {
    const { text, from } = await caretsOf(`      count: [${'1, '.repeat(400)}]`);
    expect(text.length).toBeLessThan(200);
    expect(from).toBeGreaterThan(0);
  });

  it('colours on request only', async () => {
    const [problem] = await problems(step('{}'));
    expect(renderDiagnostic(problem!)).not.toContain('\u001b');
    expect(renderDiagnostic(problem!, { color: true })).toContain('\u001b[');
  });
});

describe('the page of codes', () => {
  it('is written from the table', async () => {
    const page = new URL('../../../docs/reference/diagnostics.md', import.meta.url);
    const rows = Object.entries(CODES).map(
      ([code, [title, explanation]]) => `## ${code}: ${title}\n\n${explanation}\n`,
    );
    const text = `# Diagnostics\n\nWhat \`sonde check\` and every command that reads a pipeline file can report. Codes are stable. Written from \`libs/pipeline/src/diagnostics/codes.ts\`; \`SONDE_WRITE_DOCS=1 npx vitest run libs/pipeline\` writes it anew.\n\n${rows.join('\n')}`;
    if (process.env.SONDE_WRITE_DOCS === '1') await writeFile(page, text);
    expect(await readFile(page, 'utf8')).toBe(text);
  });
});

it('a good file has no diagnostics', async () => {
  expect((await load(step('{ source: a.jsonl }'))).ok).toBe(true);
});
