import { UserError } from '@sonde/base';
import type { Fields } from '@sonde/checkpoints';
import { type Classifier, PROBLEMS } from './network.ts';

/** More cannot be meant. */
const MOST_LABELS = 100_000;

/** What config.json says of a classifier's labels and of the token that pads. @throws UserError */
export function readLabels(config: Fields): Pick<Classifier, 'labels' | 'problem' | 'padding'> {
  const count = config.count('num_labels', config.group('id2label')?.names().length ?? 2);
  if (count > MOST_LABELS) {
    throw new UserError('model', `${config.where}: ${count} labels; at most ${MOST_LABELS} are supported.`);
  }
  const named = config.group('id2label');
  return {
    labels: Array.from({ length: count }, (_, label) => named?.text(`${label}`, `LABEL_${label}`) ?? `LABEL_${label}`),
    problem: config.has('problem_type') ? config.oneOf('problem_type', PROBLEMS, PROBLEMS[0]) : null,
    padding: config.has('pad_token_id') ? config.whole('pad_token_id', 0) : null,
  };
}
