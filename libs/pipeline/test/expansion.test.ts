import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isOutputRef, type OutputRef } from '../src/index.ts';
import { blamed, graph, problems, task } from './help.ts';

async function ids(body: string): Promise<readonly string[]> {
  return (await graph(body)).tasks.map(({ id }) => id);
}

describe('axes', () => {
  it('joins the axes that both steps have and collects those that only the other has', async () => {
    const found = await graph(`
steps:
  scores: { uses: text/score, matrix: { model: [a, b], seed: [0, 1] }, with: { texts: x.jsonl } }
  again: { uses: correlate/models, matrix: { seed: [0, 1] }, with: { scores: "\${{ steps.scores.outputs.scores }}" } }
`);
    expect(task(found, 'again[seed=1]').with.scores).toEqual([
      { $: 'output', task: 'scores[model=a,seed=1]', output: 'scores', type: 'table', axes: { model: 'a' } },
      { $: 'output', task: 'scores[model=b,seed=1]', output: 'scores', type: 'table', axes: { model: 'b' } },
    ]);
    expect(task(found, 'again[seed=1]').needs).toEqual(['scores[model=a,seed=1]', 'scores[model=b,seed=1]']);
  });

  it('makes a list of one where a list is taken and nothing is collected', async () => {
    const found = await graph(`
steps:
  a: { uses: text/score, with: { texts: x.jsonl } }
  b: { uses: correlate/models, with: { scores: "\${{ steps.a.outputs.scores }}" } }
  c: { uses: correlate/models, with: { scores: x.parquet } }
`);
    expect(task(found, 'b').with.scores).toMatchObject([{ task: 'a', axes: {} }]);
    expect(task(found, 'c').with.scores).toMatchObject([{ $: 'data', target: '/work-folder/pipe/x.parquet' }]);
  });

  it('refuses a list where one artifact is taken, and says which axis to add', async () => {
    const [problem] = await problems(`
steps:
  a: { uses: text/generate, matrix: { model: [m, n] }, with: { model: "\${{ matrix.model }}", prompts: p.jsonl } }
  b: { uses: text/score, with: { texts: "\${{ steps.a.outputs.continuations }}" } }
`);
    expect(problem).toMatchObject({ code: 'SND147', message: expect.stringContaining('collects over `model`') });
    expect(problem?.hint).toContain('matrix: { model: … }');
  });

  it('reports an axis value that the other step does not have', async () => {
    const found = await problems(`
steps:
  a: { uses: text/score, matrix: { model: [m, n] }, with: { texts: x.jsonl } }
  b: { uses: text/score, matrix: { model: [m, o] }, with: { texts: "\${{ steps.a.outputs.scores }}" } }
`);
    expect(blamed(found)).toEqual(['SND148 ${{ steps.a.outputs.scores }}']);
    expect(found[0]?.message).toBe('the step `a` has no task for model=o');
  });

  it('names objects by their name or ref, and tells clashing ones apart', async () => {
    const found = await ids(`
steps:
  a:
    uses: text/generate
    matrix: { model: [{ ref: m }, { ref: m, dtype: bfloat16 }, { ref: n }] }
    with: { model: "\${{ matrix.model }}", prompts: p.jsonl }
`);
    expect(found).toEqual([
      expect.stringMatching(/^a\[model=m#[0-9a-f]{8}\]$/),
      expect.stringMatching(/^a\[model=m#[0-9a-f]{8}\]$/),
      'a[model=n]',
    ]);
    expect(new Set(found).size).toBe(3);
  });

  it('tells the text "1" from the number 1, and shortens long values', async () => {
    const found = await ids(`
steps:
  a: { uses: text/score, matrix: { x: ["1", 1, "a,b", ${'y'.repeat(100)}] }, with: { texts: x.jsonl } }
`);
    expect(found.slice(0, 3)).toEqual(['a[x="1"]', 'a[x=1]', 'a[x="a,b"]']);
    expect(found[3]).toMatch(/^a\[x=y{39}…#[0-9a-f]{8}\]$/);
  });

  it('excludes partial matches and includes as GitHub Actions does', async () => {
    // The example of the GitHub Actions documentation on expanding matrix configurations, in the order of its table.
    const found = await graph(`
steps:
  a:
    uses: report/html
    matrix:
      fruit: [apple, pear]
      animal: [cat, dog]
      include:
        - { color: green }
        - { color: pink, animal: cat }
        - { fruit: apple, shape: circle }
        - { fruit: banana }
        - { fruit: banana, animal: cat }
    with: { sections: {} }
  b: { uses: report/html, matrix: { x: [1, 2], y: [1, 2], exclude: [{ x: 1 }, { x: 2, y: 1 }] }, with: { sections: {} } }
`);
    expect(found.tasks.map(({ id }) => id)).toEqual([
      'a[fruit=apple,animal=cat]',
      'a[fruit=apple,animal=dog]',
      'a[fruit=pear,animal=cat]',
      'a[fruit=pear,animal=dog]',
      'a[fruit=banana]',
      'a[fruit=banana,animal=cat]',
      'b[x=2,y=2]',
    ]);
  });

  it('gives what include adds to expressions, without making an axis of it', async () => {
    const found = await graph(`
steps:
  a:
    uses: prompts/sample
    matrix: { n: [1, 2], include: [{ n: 1, word: one }, { n: 2, word: two }] }
    with: { source: "\${{ matrix.word }}.jsonl" }
`);
    expect(task(found, 'a[n=2]').with.source).toMatchObject({ ref: 'two.jsonl' });
  });

  it('reports a value that include gives to some tasks only', async () => {
    const found = await problems(`
steps:
  a: { uses: prompts/sample, matrix: { n: [1, 2], include: [{ n: 1, word: one }] }, with: { source: "\${{ matrix.word }}" } }
`);
    expect(found).toMatchObject([{ code: 'SND121', hint: 'not for n=2' }]);
  });

  it('refuses empty axes, values given twice, and too many tasks', async () => {
    expect(
      blamed(
        await problems(
          'params: { models: [] }\nsteps:\n  a: { uses: report/html, matrix: { m: "${{ params.models }}" }, with: { sections: {} } }',
        ),
      ),
    ).toEqual(['SND150 "${{ params.models }}"'.replaceAll('"', '')]);
    expect(
      blamed(await problems('steps:\n  a: { uses: report/html, matrix: { m: [a, b, a] }, with: { sections: {} } }')),
    ).toEqual(['SND150 a']);
    const axis = JSON.stringify([...Array(600).keys()]);
    expect(
      await problems(`steps:\n  a: { uses: report/html, matrix: { m: ${axis}, n: ${axis} }, with: { sections: {} } }`),
    ).toMatchObject([{ code: 'SND152' }]);
  });

  it('waits for every task that `needs:` joins', async () => {
    const found = await graph(`
steps:
  b: { uses: report/html, matrix: { m: [x, y] }, needs: [a, c], with: { sections: {} } }
  a: { uses: report/html, matrix: { m: [x, y], n: [1, 2] }, with: { sections: {} } }
  c: { uses: report/html, with: { sections: {} } }
`);
    expect(task(found, 'b[m=y]').needs).toEqual(['a[m=y,n=1]', 'a[m=y,n=2]', 'c']);
    expect(found.tasks.map(({ id }) => id).slice(-2)).toEqual(['b[m=x]', 'b[m=y]']);
  });

  it('agrees with a join by brute force on random matrices', async () => {
    const axis = fc.uniqueArray(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 3 });
    const matrix = fc.dictionary(fc.constantFrom('a', 'b', 'c'), axis, { maxKeys: 3 });
    const product = (axes: Record<string, number[]>): Record<string, number>[] =>
      Object.entries(axes).reduce<Record<string, number>[]>(
        (all, [name, values]) => all.flatMap((one) => values.map((value) => ({ ...one, [name]: value }))),
        [{}],
      );
    await fc.assert(
      fc.asyncProperty(matrix, matrix, async (first, second) => {
        const text = (axes: object) => (Object.keys(axes).length === 0 ? '' : `matrix: ${JSON.stringify(axes)}, `);
        const body = `steps:\n  s: { uses: text/score, ${text(first)}with: { texts: x } }\n  t: { uses: correlate/models, ${text(second)}with: { scores: "\${{ steps.s.outputs.scores }}" } }`;
        const expected = product(second).map((mine) =>
          product(first).filter((theirs) =>
            Object.keys(theirs).every((name) => mine[name] === undefined || mine[name] === theirs[name]),
          ),
        );
        if (expected.some((matches) => matches.length === 0)) {
          expect((await problems(body)).every(({ code }) => code === 'SND148')).toBe(true);
          return;
        }
        const found = await graph(body);
        const tasks = found.tasks.filter(({ step }) => step === 't');
        expect(tasks.map(({ axes }) => axes)).toEqual(product(second));
        tasks.forEach((node, at) => {
          const refs = (node.with.scores as readonly OutputRef[]).filter(isOutputRef);
          const whole = refs.map((ref) => found.tasks.find(({ id }) => id === ref.task)?.axes);
          expect(whole).toEqual(expected[at]);
          refs.forEach((ref, index) => {
            const own = Object.fromEntries(
              Object.entries(expected[at]![index]!).filter(([name]) => node.axes[name] === undefined),
            );
            expect(ref.axes).toEqual(own);
          });
        });
      }),
      { numRuns: 60 },
    );
  });
});

describe('order', () => {
  it('puts every task after its needs and otherwise keeps the order of the file', async () => {
    const found = await ids(`
steps:
  z: { uses: report/html, with: { sections: {} } }
  c: { uses: text/score, with: { texts: "\${{ steps.b.outputs.scores }}" } }
  b: { uses: text/score, with: { texts: "\${{ steps.a.outputs.scores }}" } }
  a: { uses: text/score, with: { texts: x.jsonl } }
`);
    expect(found).toEqual(['z', 'a', 'b', 'c']);
  });

  it('survives a chain of thousands of steps written backwards', async () => {
    const count = 3000;
    const lines = Array.from(
      { length: count },
      (_, at) =>
        `  s${at}: { uses: text/score, with: { texts: "${at === count - 1 ? 'x' : `\${{ steps.s${at + 1}.outputs.scores }}`}" } }`,
    );
    expect((await graph(`steps:\n${lines.join('\n')}`)).tasks[0]?.id).toBe(`s${count - 1}`);
  });
});

describe('a revision beside its reference', () => {
  const models = (list: string): string =>
    `steps:\n  g: { uses: text/generate, matrix: { model: ${list} }, with: { model: "\${{ matrix.model }}", prompts: p } }\n`;

  it('may be another one in each task of a constant reference', async () => {
    const found = await graph(`steps:
  s:
    uses: text/generate
    matrix: { step: [a, b] }
    with: { model: { ref: embedded:m, revision: "\${{ matrix.step }}" }, prompts: p.csv }
`);
    expect(found.tasks.map((each) => each.with.model)).toMatchObject([
      { ref: { ref: 'embedded:m@a' } },
      { ref: { ref: 'embedded:m@b' } },
    ]);
  });

  it('is the reference with that revision', async () => {
    const found = await graph(models('[{ ref: embedded:a, revision: b }, { ref: hf:o/n/sub, revision: main }]'));
    expect(found.tasks.map(({ id }) => id)).toEqual(['g[model=embedded:a@b]', 'g[model=hf:o/n/sub@main]']);
    const written = await graph(models('[{ ref: embedded:a@b }, { ref: hf:o/n@main/sub }]'));
    const refs = ({ tasks }: typeof found) =>
      tasks.map(({ with: { model } }) => {
        const { ref, ...rest } = model as { ref: { ref: string; target: string } };
        return [ref.ref, ref.target, Object.keys(rest)];
      });
    expect(refs(found)).toEqual(refs(written));
  });

  it('is refused where there are none, or one already', async () => {
    const said = async (model: string): Promise<readonly string[]> =>
      (await problems(models(`[${model}]`))).map(({ code, message }) => `${code} ${message}`);
    expect(await said('{ ref: ./folder, revision: b }')).toEqual([
      'SND180 a path has no revisions; name the folder of the one you mean',
    ]);
    expect(await said('{ ref: embedded:a@b, revision: c }')).toEqual(['SND180 `embedded:a@b` names a revision itself']);
  });
});
