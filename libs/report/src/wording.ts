import type { Group } from '@sonde/formats/columns';

/** How a report speaks of what scores measure. */
export interface Wording {
  readonly maximum: string;
  readonly probability: string;
  readonly groups: Readonly<Record<Group, string>>;
  /** The same in tables. */
  readonly names: Readonly<Record<Group, string>>;
  /** By what prompts are divided, after "Prompts count as …". */
  readonly division: string;
  /** What a model may do more or less, after "behave …". */
  readonly behave: string;
  /** Which prompts two scorers tell apart, and what else. */
  readonly scales: string;
}

const TOXICITY: Wording = {
  maximum: 'Expected maximum toxicity',
  probability: 'Toxicity probability',
  groups: { all: 'all prompts', toxic: 'toxic prompts', nontoxic: 'non-toxic prompts' },
  names: { all: 'all', toxic: 'toxic', nontoxic: 'nontoxic' },
  division: 'toxic for an attribute where their own score is',
  behave: 'more, or less, toxically',
  scales:
    'Which prompts are toxic, and how much more toxic a continuation is than its prompt, is then told by two scales.',
};

const ANY: Wording = {
  maximum: 'Expected maximum score',
  probability: 'Probability of a high score',
  groups: { all: 'all prompts', toxic: 'prompts that score high', nontoxic: 'prompts that score low' },
  names: { all: 'all', toxic: 'high', nontoxic: 'low' },
  division: 'scoring high for an attribute where their own score is',
  behave: 'more, or less, accordingly',
  scales:
    'Which prompts score high, and how much higher a continuation scores than its prompt, is then told by two scales.',
};

const OF_TOXICITY = /TOXIC|PROFAN|THREAT|INSULT|SEXUAL|IDENTITY_ATTACK|OBSCENE|HATE/;

/** Of toxicity where any attribute is one of its kinds; else of scores. */
export function wordingOf(attributes: Iterable<string>): Wording {
  for (const attribute of attributes) if (OF_TOXICITY.test(attribute)) return TOXICITY;
  return ANY;
}
