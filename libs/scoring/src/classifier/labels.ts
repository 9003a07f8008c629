import { UserError } from '@sonde/base';
import { LABEL_MAPS } from './label-maps.ts';

/** Which of a classifier's labels are scores, and of what. */
export interface MappedLabels {
  readonly attributes: readonly string[];
  /** The number of each attribute's label. */
  readonly places: readonly number[];
}

/** What a config says of labels: a known map or the model's own names, its own names, or a map. */
export type LabelChoice = 'auto' | 'own' | Readonly<Record<string, string>>;

/**
 * Maps labels to attributes.
 * @throws UserError for a map that names a label which is not there, or two labels of one attribute
 */
export function mapLabels(labels: readonly string[], choice: LabelChoice, model: string): MappedLabels {
  const known = LABEL_MAPS.find((map) => Object.keys(map).every((label) => labels.includes(label)));
  const chosen = choice === 'auto' ? (known ?? 'own') : choice;
  const map = chosen === 'own' ? ownNames(labels) : Object.entries(chosen);
  const places = map.map(([label]) => {
    const at = labels.indexOf(label);
    if (at >= 0) return at;
    throw new UserError(
      'scorer',
      `\`labels\` names "${label}", which the classifier ${model} has not; it has ${labels.join(', ')}.`,
      'Write the labels as the model has them: `labels: { <label>: <ATTRIBUTE> }`, or `labels: own` to keep their names.',
    );
  });
  const attributes = map.map(([, attribute]) => attribute);
  const twice = attributes.find((attribute, i) => attributes.indexOf(attribute) !== i);
  if (twice !== undefined) {
    const both = map.filter(([, attribute]) => attribute === twice).map(([label]) => label);
    throw new UserError(
      'scorer',
      `Labels ${both.join(' and ')} of the classifier ${model} are both ${twice}; an attribute has one label.`,
      'Choose in `labels: { <label>: <ATTRIBUTE> }`.',
    );
  }
  return { attributes, places };
}

/** Labels as attributes are written: `identity hate` is IDENTITY_HATE. */
function ownNames(labels: readonly string[]): (readonly [string, string])[] {
  return labels.map((label) => {
    const plain = label
      .toUpperCase()
      .replace(/[^A-Z0-9]+/g, '_')
      .replace(/^_+|_+$/g, '');
    return [label, /^[A-Z]/.test(plain) ? plain : `LABEL_${plain}`];
  });
}
