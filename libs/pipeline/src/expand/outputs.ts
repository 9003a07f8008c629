import type { PipelineFile } from '../read/document.ts';
import type { AxisValues } from '../values/axes.ts';
import type { Located } from '../values/located.ts';
import { describeNode } from '../values/located.ts';
import type { Reference } from '../values/reference.ts';
import { type Evaluator, evaluate, type Scope } from './evaluate.ts';
import { makeReference, type StepResult } from './step-result.ts';

/** The file's named outputs, for given parameter values; those that fail are reported and left out. */
export function readOutputs(
  file: PipelineFile,
  params: ReadonlyMap<string, Located>,
  axes: AxisValues,
  results: ReadonlyMap<string, StepResult>,
  evaluator: Evaluator,
): ReadonlyMap<string, Reference> {
  const { problems } = evaluator;
  const found = new Map<string, Reference>();
  const scope: Scope = {
    params,
    matrix: new Map(),
    axes,
    late: new Set(),
    reference: (id, output, expression) => makeReference(id, output, expression, axes, results, problems),
  };
  for (const [name, { value }] of file.outputs) {
    const output = evaluate(value, scope, evaluator);
    if (output.type === 'broken') continue;
    if (output.type !== 'reference') {
      problems.error(
        'SND107',
        output.use ?? output.range,
        `the output \`${name}\` must be a step's output, found ${describeNode(output)}`,
        'for example ${{ steps.scores.outputs.scores }}',
      );
      continue;
    }
    const absent = output.reference.items.find((item) => item.type === undefined);
    if (absent !== undefined && !output.reference.unknown) {
      problems.error(
        'SND149',
        output.range,
        `\`${absent.task}\` does not make the output \`${absent.output}\` with its settings`,
      );
      continue;
    }
    found.set(name, output.reference);
  }
  return found;
}
