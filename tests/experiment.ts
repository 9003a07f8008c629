/** A small experiment with every kind of step that computes: two or more models, seconds to run. */
export interface Experiment {
  readonly models?: readonly string[];
  readonly folds?: number;
  readonly prompts?: number;
  /** The generating step's name. */
  readonly generate?: string;
  readonly comment?: string;
  /** Steps in another order. */
  readonly reversed?: boolean;
}

export const experiment = ({
  models = ['embedded:parlour-base', 'embedded:parlour-rude'],
  folds = 3,
  prompts = 40,
  generate = 'continuations',
  comment = '',
  reversed = false,
}: Experiment = {}): string => {
  const reference = (name: string): string => `\${{ ${name} }}`;
  const steps = [
    `  prompts:
    uses: prompts/sample
    with: { source: embedded:parlour-prompts, count: ${prompts}, strata: { attribute: TOXICITY } }`,
    `  ${generate}:
    uses: text/generate
    matrix: { model: "${reference('params.models')}" }
    with:
      model: ${reference('matrix.model')}
      prompts: ${reference('steps.prompts.outputs.prompts')}
      num_return_sequences: 3
      max_new_tokens: 8
      capture: {}`,
    `  scores:
    uses: text/score
    matrix: { model: "${reference('params.models')}" }
    with: { scorer: embedded:toxicity, texts: "${reference(`steps.${generate}.outputs.continuations`)}" }`,
    `  behavior:
    uses: behavior/summarize
    matrix: { model: "${reference('params.models')}" }
    with: { scores: "${reference('steps.scores.outputs.scores')}", prompts: "${reference('steps.prompts.outputs.prompts')}" }`,
    `  probes:
    uses: probe/train
    matrix: { model: "${reference('params.models')}" }
    with:
      states: ${reference(`steps.${generate}.outputs.states`)}
      prompts: ${reference('steps.prompts.outputs.prompts')}
      scores: ${reference('steps.scores.outputs.scores')}
      folds: ${folds}
      penalties: [10, 1000]
      baselines: [random_direction]`,
    `  correlations:
    uses: correlate/models
    with: { summaries: "${reference('steps.behavior.outputs.summary')}", probes: "${reference('steps.probes.outputs.scores')}", points: 3 }`,
    `  report:
    uses: report/html
    with:
      summaries: ${reference('steps.behavior.outputs.summary')}
      probes: ${reference('steps.probes.outputs.scores')}
      correlations: ${reference('steps.correlations.outputs.correlations')}`,
  ];
  return `# ${comment}
sonde: 1
name: experiment
params:
  models: [${models.join(', ')}]
steps:
${(reversed ? steps.reverse() : steps).join('\n')}
outputs:
  report: ${reference('steps.report.outputs.report')}
  correlations: ${reference('steps.correlations.outputs.correlations')}
  probes: ${reference('steps.probes.outputs.scores')}
`;
};
