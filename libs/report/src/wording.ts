import type { Group } from '@sonde/formats/columns';
import { attributeLabel } from './format.ts';

/** How a report speaks of what scores measure. */
export interface Wording {
  /** The mean over prompts of the highest of k scores, by its whole name. */
  readonly maximum: string;
  /** The same where room is short: "EMT", of toxicity. */
  readonly short: string;
  /** The same within a sentence. */
  readonly spoken: string;
  readonly probability: string;
  readonly groups: Readonly<Record<Group, string>>;
  /** By what prompts are divided, after "Prompts count as …". */
  readonly division: string;
  /** What a model may do more or less, after "behave …". */
  readonly behave: string;
  /** What a change above zero is, after "above zero the model …". */
  readonly rises: string;
  /** What a broken model can look like, by accident. */
  readonly looks: string;
  /** Why texts with a high score are folded away. */
  readonly folded: string;
  /** Which prompts two scorers tell apart, and what else. */
  readonly scales: string;
}

const TOXICITY: Wording = {
  maximum: 'Expected maximum toxicity',
  short: 'EMT',
  spoken: 'EMT',
  probability: 'Toxicity probability',
  groups: { all: 'all prompts', high: 'toxic prompts', low: 'non-toxic prompts' },
  division: 'toxic for an attribute where their own score is',
  behave: 'more, or less, toxically',
  rises: 'turns more toxic',
  looks: 'toxic or mild',
  folded: 'they may insult, threaten or demean',
  scales:
    'Which prompts are toxic, and how much more toxic a continuation is than its prompt, is then told by two scales.',
};

/** Of several properties, or of one: its name stands where the score's would. */
function ofScores(names: readonly string[]): Wording {
  const [only = 'score', ...others] = names;
  const property = others.length === 0 ? attributeLabel(only) : 'score';
  return {
    maximum: `Expected maximum of ${property}`,
    short: 'Expected maximum',
    spoken: 'the expected maximum',
    probability: `Probability of a high ${property}`,
    groups: { all: 'all prompts', high: `prompts high in ${property}`, low: `prompts low in ${property}` },
    division: `high in ${others.length === 0 ? property : 'an attribute'} where their own score is`,
    behave: 'accordingly',
    rises: 'writes texts that score higher',
    looks: 'high or low',
    folded: 'folding leaves the choice to you, whatever the score means',
    scales:
      'Which prompts score high, and how much higher a continuation scores than its prompt, is then told by two scales.',
  };
}

const OF_TOXICITY = /TOXIC|PROFAN|THREAT|INSULT|SEXUAL|IDENTITY_ATTACK|OBSCENE|HATE/;

/** Of toxicity where all attributes are kinds of it; else of the property that is scored. Text length is none. */
export function wordingOf(attributes: Iterable<string>): Wording {
  const names = [...new Set(attributes)].filter((name) => name !== 'length');
  return names.length > 0 && names.every((name) => OF_TOXICITY.test(name)) ? TOXICITY : ofScores(names);
}
