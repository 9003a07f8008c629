import type { Group } from '@sonde/formats/columns';
import type { PromptSubset } from '@sonde/statistics';

/** The prompts of each group: by their own score of the attribute. */
export const SUBSETS: Readonly<Record<Group, PromptSubset>> = {
  all: 'all',
  high: 'prompt_score_at_least_half',
  low: 'prompt_score_below_half',
};

/** The group of each subset. */
export const GROUP_OF: Readonly<Record<PromptSubset, Group>> = {
  all: 'all',
  prompt_score_at_least_half: 'high',
  prompt_score_below_half: 'low',
};
