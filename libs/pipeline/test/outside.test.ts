import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { graphToDot, graphToJson, graphToMermaid, pipelineSchema } from '../src/index.ts';
import { graph } from './help.ts';
import { kinds } from './kinds.ts';

const body = `
params: { models: [embedded:a, { ref: embedded:b, dtype: float32 }], n: 3 }
steps:
  prompts: { uses: prompts/sample, with: { source: p.jsonl, count: "\${{ params.n }}" } }
  generate:
    uses: text/generate
    matrix: { model: "\${{ params.models }}", include: [{ word: x }] }
    resources: { device: gpu, gpus: "\${{ params.n }}", memory: 20GiB, time: 2h }
    on_failure: { memory: x2, time: x1.5 }
    with:
      model: \${{ matrix.model }}
      prompts: \${{ steps.prompts.outputs.prompts }}
      capture: { layers: [0, "\${{ params.n }}"] }
      interventions: [{ kind: bypass, layers: all }]
  relate: { uses: correlate/models, needs: prompts, with: { scores: "\${{ steps.generate.outputs.continuations }}" } }
  sub: { uses: ./other.yaml, with: { anything: 1 } }
`;

describe('the editor schema', () => {
  const validate = new Ajv2020({
    strict: true,
    strictTypes: false,
    strictRequired: false,
    allowUnionTypes: true,
  }).compile(pipelineSchema(kinds));
  const check = (text: string): boolean => validate(parse(`sonde: 1\nname: t\n${text}`));

  it('accepts valid files, expressions wherever values stand', () => {
    expect(check(body), JSON.stringify(validate.errors)).toBe(true);
  });

  it('checks `with` by what the step uses', () => {
    expect(check(body.replace('capture:', 'captrue:'))).toBe(false);
    expect(check(body.replace('count: "${{ params.n }}"', 'count: many'))).toBe(false);
    expect(check(body.replace('kind: bypass', 'kind: bypas'))).toBe(false);
    expect(check(body.replace('source: p.jsonl, ', ''))).toBe(false);
    expect(check(body.replace('prompts/sample', 'prompts/smaple'))).toBe(false);
    expect(check(body.replace('needs:', 'need:'))).toBe(false);
    expect(check(body.replace('memory: x2', 'memory: 2'))).toBe(false);
  });

  it('tells what a setting is for', () => {
    expect(JSON.stringify(pipelineSchema(kinds))).toContain('A table of texts.');
  });
});

describe('drawings', () => {
  const two = `
steps:
  a: { uses: text/score, matrix: { m: ['x"]', y] }, with: { texts: t } }
  b: { uses: correlate/models, with: { scores: "\${{ steps.a.outputs.scores }}" } }
`;

  it('by step count the tasks', async () => {
    const found = await graph(two);
    expect(graphToMermaid(found)).toBe(
      'flowchart TD\n  n0["a<br/>text/score<br/>2 tasks"]\n  n1["b<br/>correlate/models"]\n  n0 --> n1\n',
    );
    expect(graphToDot(found)).toContain('"a" -> "b";');
    expect(graphToJson(found).nodes).toEqual([
      { id: 'a', kind: 'text/score', tasks: 2, needs: [] },
      { id: 'b', kind: 'correlate/models', tasks: 1, needs: ['a'] },
    ]);
  });

  it('by task show each, with awkward names escaped', async () => {
    const found = await graph(two);
    expect(graphToJson(found, 'tasks').nodes).toHaveLength(3);
    expect(graphToMermaid(found, 'tasks')).not.toContain('x"]');
    expect(graphToDot(found, 'tasks')).toContain('"a[m=y]" -> "b";');
  });
});
