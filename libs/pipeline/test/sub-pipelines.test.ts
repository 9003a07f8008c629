import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { renderDiagnostic } from '../src/index.ts';
import { blamed, folderOf, graphOf, loadFile, task } from './help.ts';

const study = `sonde: 1
name: study
params: { texts: null, source: default.jsonl, scorer: embedded:toxicity }
steps:
  own: { uses: prompts/sample, with: { source: "\${{ params.source }}" } }
  scores: { uses: text/score, matrix: { part: [x, y] }, with: { texts: "\${{ params.texts }}", scorer: "\${{ params.scorer }}" } }
outputs:
  scores: \${{ steps.scores.outputs.scores }}
  prompts: \${{ steps.own.outputs.prompts }}
`;

function main(withText: string, more = ''): string {
  return `sonde: 1
name: main
params: { file: mine.jsonl }
steps:
  prompts: { uses: prompts/sample, with: { source: p.jsonl } }
  study: { uses: ./sub/study.yaml, ${more}with: ${withText} }
  relate: { uses: correlate/models, with: { scores: "\${{ steps.study.outputs.scores }}" } }
outputs: { all: "\${{ steps.study.outputs.scores }}" }
`;
}

describe('a pipeline file used as a step', () => {
  it('runs under the step’s name, its outputs being the step’s outputs, under a matrix too', async () => {
    const folder = await folderOf({
      'main.yaml': main('{ texts: "${{ steps.prompts.outputs.prompts }}" }', 'matrix: { seed: [0, 1] }, '),
      'sub/study.yaml': study,
    });
    const graph = graphOf(await loadFile(folder, 'main.yaml'));
    expect(graph.tasks.map(({ id }) => id)).toEqual([
      'prompts',
      'study/own[seed=0]',
      'study/scores[seed=0,part=x]',
      'study/scores[seed=0,part=y]',
      'study/own[seed=1]',
      'study/scores[seed=1,part=x]',
      'study/scores[seed=1,part=y]',
      'relate',
    ]);
    expect(task(graph, 'study/scores[seed=1,part=y]').with.texts).toMatchObject({ task: 'prompts', output: 'prompts' });
    expect(task(graph, 'relate').with.scores).toMatchObject([
      { axes: { seed: 0, part: 'x' } },
      { axes: { seed: 0, part: 'y' } },
      { axes: { seed: 1, part: 'x' } },
      { axes: { seed: 1, part: 'y' } },
    ]);
    expect(graph.outputs.all).toHaveLength(4);
    expect(graph.files.map(({ path }) => path)).toEqual([join(folder, 'main.yaml'), join(folder, 'sub/study.yaml')]);
  });

  it('reads relative paths from the file that says them', async () => {
    const folder = await folderOf({
      'main.yaml': main('{ texts: t.jsonl, source: "${{ params.file }}" }'),
      'sub/study.yaml': study,
      'plain.yaml': main('{ texts: t.jsonl }'),
      'params/p.yaml': 'file: theirs.jsonl\n',
    });
    const source = async (name: string, options = {}): Promise<unknown> =>
      (task(graphOf(await loadFile(folder, name, options)), 'study/own').with.source as { target: string }).target;
    expect(await source('main.yaml')).toBe(join(folder, 'mine.jsonl'));
    expect(await source('plain.yaml')).toBe(join(folder, 'sub/default.jsonl'));
    expect(await source('main.yaml', { cwd: '/elsewhere', set: { file: '../x.jsonl' } })).toBe('/x.jsonl');
    expect(await source('main.yaml', { paramsFile: 'params/p.yaml' })).toBe(join(folder, 'params/theirs.jsonl'));
    expect(await source('main.yaml', { paramsFile: 'params/p.yaml', set: { file: 'set.jsonl' } })).toBe(
      join(folder, 'set.jsonl'),
    );
  });

  it('reports unknown and missing parameters, and wrong outputs', async () => {
    const folder = await folderOf({
      'main.yaml': main('{ text: t.jsonl, scorer: 3 }').replace(
        'outputs: { all: "${{ steps.study.outputs.scores }}" }',
        'outputs: { all: "${{ steps.study.outputs.score }}" }',
      ),
      'sub/study.yaml': study,
    });
    const result = await loadFile(folder, 'main.yaml');
    expect(result.ok ? [] : blamed(result.diagnostics)).toEqual([
      'SND131 ./sub/study.yaml',
      'SND130 text',
      'SND107 3',
      'SND142 ${{ steps.study.outputs.score }}',
    ]);
  });

  it('shows a cycle of files, and a file that is not there', async () => {
    const uses = (path: string): string => `sonde: 1\nname: a\nsteps:\n  a: { uses: ${path} }\n`;
    const folder = await folderOf({
      'a.yaml': uses('./b.yaml'),
      'b.yaml': uses('./a.yaml'),
      'c.yaml': uses('./none.yaml'),
    });
    const cycle = await loadFile(folder, 'a.yaml');
    expect(cycle.ok ? [] : cycle.diagnostics.map((one) => renderDiagnostic(one, { cwd: folder }))).toEqual([
      `b.yaml:4:14: error SND144: pipeline files use each other: a.yaml → b.yaml → a.yaml\n4 |   a: { uses: ./a.yaml }\n  |              ^^^^^^^^`,
    ]);
    const missing = await loadFile(folder, 'c.yaml');
    expect(missing.ok ? [] : blamed(missing.diagnostics)).toEqual(['SND100 ./none.yaml']);
  });

  it('refuses an axis that the using step has too', async () => {
    const folder = await folderOf({
      'main.yaml': main('{ texts: t.jsonl }', 'matrix: { part: [1] }, '),
      'sub/study.yaml': study,
    });
    const result = await loadFile(folder, 'main.yaml');
    expect(result.ok ? [] : blamed(result.diagnostics)).toEqual(['SND154 part']);
  });
});

describe('a file that cannot be read', () => {
  it('is a diagnostic', async () => {
    const folder = await folderOf({
      'latin.yaml': Uint8Array.from([0x61, 0x3a, 0x20, 0xe9]),
      'empty.yaml': '',
      'list.yaml': '- a\n- b\n',
      'big.yaml': '#'.repeat(64 * 1024 * 1024 + 1),
    });
    const codes = async (name: string): Promise<unknown> => {
      const result = await loadFile(folder, name);
      return result.ok ? [] : result.diagnostics.map(({ code }) => code);
    };
    expect(await codes('latin.yaml')).toEqual(['SND103']);
    expect(await codes('empty.yaml')).toEqual(['SND112']);
    expect(await codes('list.yaml')).toEqual(['SND107']);
    expect(await codes('big.yaml')).toEqual(['SND102']);
    expect(await codes('none.yaml')).toEqual(['SND100']);
    expect(await codes('.')).toEqual(['SND100']);
  });
});
