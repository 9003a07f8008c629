import { readLabels } from './labels.ts';
import type { Classifier, Describe, NextToken } from './network.ts';

/**
 * A classifier on a language model's trunk (`…ForSequenceClassification`): one linear layer, `score`, over the last
 * token's state.
 */
export function scoreOn(describe: Describe<NextToken>): Describe<Classifier> {
  return (config) => {
    const { trunk } = describe(config);
    const labels = readLabels(config);
    const shape = [labels.labels.length, trunk.sizes.hiddenSize] as const;
    const head: Classifier = {
      ...labels,
      summary: 'last',
      logits: (parts, summary) => parts.linear('score', summary, shape, false),
    };
    return { trunk, head };
  };
}
