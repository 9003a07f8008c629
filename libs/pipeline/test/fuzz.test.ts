import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { graphToDot, graphToJson, graphToMermaid, loadPipelineText, renderDiagnostic } from '../src/index.ts';
import { kinds } from './kinds.ts';

const valid = `sonde: 1
name: two-models
params: { prompts: 200, models: [embedded:base, { ref: embedded:kind, dtype: bfloat16 }] }
steps:
  prompts: { uses: prompts/sample, with: { source: embedded:prompts, count: "\${{ params.prompts }}" } }
  generate:
    uses: text/generate
    matrix: { model: "\${{ params.models }}", seed: [0, 1], exclude: [{ seed: 1 }], include: [{ seed: 0, word: x }] }
    resources: { device: gpu, memory: 20GiB }
    with:
      model: \${{ matrix.model }}
      prompts: \${{ steps.prompts.outputs.prompts }}
      capture: { layers: [0, 1], pool: [prompt] }
      interventions: [{ kind: add, vector: v.safetensors }]
  relate: { uses: correlate/models, needs: [prompts], with: { scores: "\${{ steps.generate.outputs.continuations }}" } }
  command:
    uses: command
    with: { argv: [python, "\${{ inputs.s }}"], inputs: { s: &file ./s.py }, outputs: { t: { type: json, file: t.json } } }
outputs: { relate: "\${{ steps.relate.outputs.correlations }}" }
`;

async function survives(text: string): Promise<void> {
  const result = await loadPipelineText(text, 'x.yaml', { kinds, cwd: '/' });
  if (result.ok) {
    for (const view of ['steps', 'tasks'] as const)
      expect([
        graphToDot(result.graph, view),
        graphToMermaid(result.graph, view),
        graphToJson(result.graph, view),
      ]).toHaveLength(3);
    return;
  }
  expect(result.diagnostics.length).toBeGreaterThan(0);
  for (const diagnostic of result.diagnostics) {
    expect(renderDiagnostic(diagnostic)).toMatch(/SND1\d\d/);
    if (diagnostic.range === undefined) continue;
    const { file, start, end } = diagnostic.range;
    expect(0 <= start && start <= end && end <= file.text.length).toBe(true);
  }
}

describe('whatever the text, reading it gives a graph or diagnostics', () => {
  it('the text that is mutated below is valid', async () => {
    const result = await loadPipelineText(valid, 'x.yaml', { kinds, cwd: '/' });
    expect(result.ok ? result.graph.tasks.length : result.diagnostics).toBe(5);
  });

  it('arbitrary text', async () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc
        .array(
          fc.constantFrom(
            'a',
            ': ',
            '- ',
            '\n',
            '  ',
            '{',
            '}',
            '[',
            ']',
            ',',
            '"',
            "'",
            '&a ',
            '*a ',
            '${{',
            '}}',
            '|',
            '>',
            '#',
            '? ',
            '!t ',
            '\t',
            '---',
            'sonde: 1',
            'steps:',
            '.',
          ),
          { maxLength: 40 },
        )
        .map((parts) => parts.join('')),
    );
    await fc.assert(fc.asyncProperty(text, survives), { numRuns: 200 });
  });

  it('a valid file with parts cut out, doubled or replaced', async () => {
    const edit = fc.record({
      at: fc.nat(valid.length),
      length: fc.nat(12),
      with: fc.oneof(
        fc.constantFrom(
          '',
          '*file',
          '&file ',
          '${{ ',
          ' }}',
          'null',
          '[]',
          '{}',
          '{ a: 1 }',
          '3',
          '"x"',
          '\n',
          '  ',
          'matrix',
          '${{ matrix.model }}',
          '${{ params.models }}',
          '${{ steps.generate.outputs.states }}',
        ),
        fc.string({ maxLength: 4 }),
      ),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 3 }), (edits) =>
        survives(
          edits.reduce((text, one) => text.slice(0, one.at) + one.with + text.slice(one.at + one.length), valid),
        ),
      ),
      { numRuns: 250 },
    );
  });
});
