import type { ClassifierConfig } from '@sonde/engine';

export const ACTIVATIONS = ['sigmoid', 'softmax', 'none'] as const;
export type Activation = (typeof ACTIVATIONS)[number];

/** How a classifier's logits become scores where nobody says: as its `problem_type`, else as transformers guesses. */
export function usualActivation({ problem, labels }: Pick<ClassifierConfig, 'problem' | 'labels'>): Activation {
  switch (problem) {
    case 'multi_label_classification':
      return 'sigmoid';
    case 'single_label_classification':
      return 'softmax';
    case 'regression':
      return 'none';
    case null:
      return labels.length === 1 ? 'sigmoid' : 'softmax';
  }
}

/** Scores [labels] of logits [labels]. */
export function activate(logits: readonly number[], activation: Activation): number[] {
  switch (activation) {
    case 'sigmoid':
      return logits.map((x) => 1 / (1 + Math.exp(-x)));
    case 'softmax': {
      const most = Math.max(...logits);
      const powers = logits.map((x) => Math.exp(x - most));
      const sum = powers.reduce((a, b) => a + b, 0);
      return powers.map((x) => x / sum);
    }
    case 'none':
      return [...logits];
  }
}
