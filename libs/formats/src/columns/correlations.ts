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
    spearman: { type: 'float64', nullable: true, what: 'Spearman’s rank correlation' },
    spearman_p: { type: 'float64', nullable: true, what: 'its p-value, two-sided' },
    spearman_p_adjusted: { type: 'float64', nullable: true, what: 'adjusted over all correlations of the table' },
    multiplicity: { type: 'string', what: 'how the p-values were adjusted' },
    models: { type: 'int32', what: 'models with both numbers' },
    reason: { type: 'string', nullable: true, what: 'why the correlation is null' },
  },
});
