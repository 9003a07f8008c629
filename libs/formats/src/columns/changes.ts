import { tableFormat } from '../column.ts';
import { GROUPS } from './behavior.ts';
import { SCENARIOS } from './probes.ts';

/** What a setting is held against. */
export const AGAINST = ['reference', 'controls', 'controls_of_equal_perplexity', 'contrast'] as const;

export const CHANGES = tableFormat({
  name: 'changes',
  madeBy: ['behavior/compare'],
  what: 'A row for each setting × what it is held against × metric × attribute × group: differences paired by prompt.',
  columns: {
    comparison: { type: 'string', what: 'the name that the step gives its comparison' },
    setting: { type: 'string', what: 'what was changed: its axes' },
    axes: { type: 'json', what: 'the same, axis by axis' },
    against: {
      type: 'string',
      words: AGAINST,
      what: 'the reference; the controls of the same axes; or the controls where they cost as much perplexity, between two of them by linear interpolation in its logarithm; `contrast`: the change of another setting from its own reference (then `value` and `other` are changes, and `difference` is one of differences)',
    },
    metric: {
      type: 'string',
      words: ['emt', 'probability', 'mean_score', 'perplexity', 'distinct_2', 'tokens'],
      open: true,
      what: 'as in the summary of mode `default`',
    },
    attribute: { type: 'string', nullable: true, what: 'of which score; null for measures of the text' },
    group: { type: 'string', words: GROUPS, what: 'over which prompts, by their own score' },
    value: { type: 'float64', nullable: true, what: 'of the setting, over the prompts that both have' },
    other: { type: 'float64', nullable: true, what: 'of what it is held against, over the same prompts' },
    difference: { type: 'float64', nullable: true, what: '`value` less `other`' },
    low: { type: 'float64', nullable: true, what: 'its interval, by bootstrap over prompts' },
    high: { type: 'float64', nullable: true, what: 'the same' },
    p: {
      type: 'float64',
      nullable: true,
      what: 'two-sided, of no difference: by flipping the signs of the differences',
    },
    p_adjusted: {
      type: 'float64',
      nullable: true,
      what: 'the same, after Holm, over all settings and attributes of this `against`, metric and group',
    },
    effect_size: {
      type: 'float64',
      nullable: true,
      what: 'mean difference over the standard deviation of the prompts’',
    },
    agreement: {
      type: 'float64',
      nullable: true,
      what: 'correlation of the prompts’ values under both: whether the same prompts stand out',
    },
    replicates: { type: 'int32', what: 'replicates (seeds, say) that the setting is averaged over' },
    replicate_sd: {
      type: 'float64',
      nullable: true,
      what: 'standard deviation of the difference over these replicates; null for one',
    },
    noise_sd: {
      type: 'float64',
      nullable: true,
      what: 'standard deviation of a difference between two replicates of the reference itself; null for one',
    },
    n: { type: 'int32', what: 'prompts with a value under both' },
    missing: { type: 'int32', what: 'prompts of the setting that lack one of them' },
    k: { type: 'int32', what: 'continuations a prompt' },
    reason: { type: 'string', nullable: true, what: 'why there is no difference' },
  },
});

export const PROBE_CHANGES = tableFormat({
  name: 'probe changes',
  madeBy: ['probe/compare'],
  what: 'A row for each setting × what it is held against × scenario × target × layer, and one for the mean over layers: how much better or worse probes read it than from the reference, on the same held-out prompts.',
  columns: {
    comparison: { type: 'string', what: 'the name that the step gives its comparison' },
    setting: { type: 'string', what: 'what was changed: its axes' },
    axes: { type: 'json', what: 'the same, axis by axis' },
    against: {
      type: 'string',
      words: ['reference', 'contrast'],
      what: 'the reference; or the change of another setting from its own reference (then `value` and `other` are changes, and `difference` is one of differences)',
    },
    scenario: { type: 'string', words: SCENARIOS, what: 'which states are related to which score' },
    target: { type: 'string', what: 'an attribute, or `length`' },
    layer: {
      type: 'int32',
      nullable: true,
      what: 'the layer’s number, which both have; null in the row of the mean over these layers',
    },
    value: { type: 'float64', nullable: true, what: 'mean over folds of the correlation, of the setting' },
    other: { type: 'float64', nullable: true, what: 'the same of what it is held against' },
    difference: { type: 'float64', nullable: true, what: '`value` less `other`' },
    low: { type: 'float64', nullable: true, what: 'its interval, by bootstrap over prompts, the same for both' },
    high: { type: 'float64', nullable: true, what: 'the same' },
    p: {
      type: 'float64',
      nullable: true,
      what: 'two-sided, of no difference: by flipping the signs of what each prompt adds to it (the mean of its jackknife pseudo-value and its influence)',
    },
    p_adjusted: {
      type: 'float64',
      nullable: true,
      what: 'the same of a layer, against the largest difference of its setting, scenario and target at any layer under the same signs (Westfall and Young); of the mean over layers, after Holm, over all settings, scenarios and targets of this `against`',
    },
    target_sd_ratio: {
      type: 'float64',
      nullable: true,
      what: 'standard deviation of the setting’s labels over those of what it is held against: where it is not 1, the two read other labels, and a correlation depends on their spread',
    },
    n: { type: 'int32', what: 'prompts that both have' },
    reason: { type: 'string', nullable: true, what: 'why there is no difference' },
  },
});
