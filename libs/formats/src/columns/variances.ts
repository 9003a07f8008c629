import { tableFormat } from '../column.ts';

export const VARIANCES = tableFormat({
  name: 'variances',
  madeBy: ['behavior/variance'],
  what: 'Three rows for each attribute × metric, over all prompts: the variance between settings, that between replicates of one setting, and the share of the first.',
  columns: {
    attribute: { type: 'string', what: 'of which score' },
    metric: { type: 'string', words: ['emt', 'probability', 'mean_score'], open: true, what: 'as in the summary' },
    component: {
      type: 'string',
      words: ['between', 'within', 'share'],
      what: 'variance between settings (never below 0); within one, over its replicates; or the share of both that is between settings (intraclass correlation)',
    },
    value: { type: 'float64', nullable: true, what: 'of the component: a variance, or a share' },
    low: {
      type: 'float64',
      nullable: true,
      what: 'its interval, of normal values: by χ² within, by Williams and Tukey between, by F of the share',
    },
    high: { type: 'float64', nullable: true, what: 'the same' },
    sd: { type: 'float64', nullable: true, what: 'its square root, in the units of the metric; null of a share' },
    sd_low: { type: 'float64', nullable: true, what: 'of the same, the interval' },
    sd_high: { type: 'float64', nullable: true, what: 'the same' },
    df: { type: 'int32', what: 'degrees of freedom of its mean square: of few, an interval is wide' },
    n: { type: 'int32', what: 'values: one a summary' },
    settings: { type: 'int32', what: 'settings that they are of' },
    between: { type: 'string', nullable: true, what: 'the axes that settings differ along; null where there is one' },
    within: { type: 'string', what: 'the axes whose values are replicates' },
    level: { type: 'float64', what: 'of the intervals' },
    reason: {
      type: 'string',
      nullable: true,
      words: ['no_values', 'one_setting', 'no_replicates', 'no_variance'],
      what: 'why there is no value or no interval; `no_variance`: replicates do not differ at all',
    },
  },
});
