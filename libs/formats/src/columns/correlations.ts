import { tableFormat } from '../column.ts';
import { GROUPS } from './behavior.ts';
import { SCENARIOS } from './probes.ts';

export const CORRELATIONS = tableFormat({
  name: 'correlations',
  madeBy: ['correlate/models'],
  what: 'A row for each place in depth × scenario × attribute: probe scores against behaviour, across models.',
  columns: {
    layer: { type: 'int32', what: 'the layer’s number', only: 'with `depth: layer`' },
    relative_depth: { type: 'float64', what: 'the share of the depth, 0 to 1', only: 'with `depth: relative`' },
    scenario: { type: 'string', words: SCENARIOS, what: 'which states are related to which score' },
    attribute: { type: 'string', what: 'of which score' },
    metric: { type: 'string', what: 'which behaviour, as in the summary' },
    group: { type: 'string', words: GROUPS, what: 'over which prompts, as in the summary' },
    pearson: { type: 'float64', nullable: true, what: 'Pearson’s correlation' },
    pearson_p: { type: 'float64', nullable: true, what: 'its p-value, two-sided' },
    pearson_p_adjusted: { type: 'float64', nullable: true, what: 'adjusted over all correlations of the table' },
    low: { type: 'float64', nullable: true, what: 'lower end of its interval, by Fisher’s z' },
    high: { type: 'float64', nullable: true, what: 'upper end of its interval' },
    permutation_p: {
      type: 'float64',
      nullable: true,
      what: 'its p-value from exchanging units: all orders where they are at most 40,320, else 10,000 of them',
    },
    family_wise_p: {
      type: 'float64',
      nullable: true,
      what: 'likewise, against the largest correlation of the table under each order (Westfall and Young)',
    },
    spearman: { type: 'float64', nullable: true, what: 'Spearman’s rank correlation' },
    spearman_p: { type: 'float64', nullable: true, what: 'its p-value, two-sided' },
    spearman_p_adjusted: { type: 'float64', nullable: true, what: 'adjusted over all correlations of the table' },
    kendall: { type: 'float64', nullable: true, what: 'Kendall’s tau-b' },
    kendall_p: { type: 'float64', nullable: true, what: 'its p-value, two-sided' },
    kendall_p_adjusted: { type: 'float64', nullable: true, what: 'adjusted over all correlations of the table' },
    smallest_rank_p: { type: 'float64', what: 'the smallest p that a rank correlation of so many units can have' },
    detectable: {
      type: 'float64',
      what: 'the smallest correlation that so many units show four times out of five at p < 0.05; 1 for three or fewer',
    },
    multiplicity: { type: 'string', what: 'how the p-values were adjusted' },
    unit: { type: 'string', what: 'the axis that a unit is a value of: `model`; over other axes a unit is the mean' },
    units: { type: 'int32', what: 'units with both numbers' },
    families: { type: 'int32', nullable: true, what: 'families of units, where `family` was given' },
    reason: { type: 'string', nullable: true, what: 'why the correlation is null' },
  },
});
