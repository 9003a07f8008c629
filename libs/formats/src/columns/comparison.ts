import { tableFormat } from '../column.ts';

/** By what texts are grouped: not at all, by length in words, by the table (model) that they are of. */
export const COMPARED_BY = ['all', 'length', 'table'] as const;

/** What `score/compare` measures of pairs of scores, and of models. */
export const COMPARISON_MEASURES = [
  'pearson',
  'spearman',
  'difference',
  'absolute_difference',
  'auc',
  'agreement',
  'kappa',
  'share',
  'reference_share',
  'emt',
  'reference_emt',
  'emt_difference',
  'rank',
  'reference_rank',
  'ranking_spearman',
  'ranking_kendall',
] as const;

export const COMPARISON = tableFormat({
  name: 'comparison',
  madeBy: ['score/compare'],
  what: 'A row for each attribute × group of texts × measure: scores against reference scores of the same texts.',
  columns: {
    attribute: { type: 'string', what: 'of which score' },
    by: { type: 'string', words: COMPARED_BY, what: 'by what the texts are grouped: `table` is the model, say' },
    group: { type: 'string', what: 'which group: `all`, `8–15 words`, the axes of the table' },
    measure: {
      type: 'string',
      words: COMPARISON_MEASURES,
      what: 'which: of pairs up to `reference_share`; from `emt` on of models, by the scores or by the reference',
    },
    threshold: {
      type: 'float64',
      nullable: true,
      what: 'for `agreement`, `kappa` and the shares at or above it; of the label, for `auc`',
    },
    value: { type: 'float64', nullable: true, what: 'the value of the measure' },
    low: { type: 'float64', nullable: true, what: 'lower end of its interval' },
    high: { type: 'float64', nullable: true, what: 'upper end of its interval' },
    n: { type: 'int32', what: 'pairs that have both scores; prompts for EMT, tables for rankings' },
    units: {
      type: 'int32',
      what: 'what the interval is taken over: prompts, where texts belong to prompts, else texts',
    },
    missing: { type: 'int32', what: 'pairs left out, since one score is missing' },
    scorer: { type: 'string', nullable: true, what: 'who gave the scores' },
    reference: { type: 'string', nullable: true, what: 'who gave the reference scores' },
    reason: { type: 'string', nullable: true, what: 'why the value is null' },
  },
});

export const CALIBRATION = tableFormat({
  name: 'calibration',
  madeBy: ['score/compare'],
  what: 'A row for each attribute × bin of scores: what the reference says of the texts in it.',
  columns: {
    attribute: { type: 'string', what: 'of which score' },
    from: { type: 'float64', what: 'scores from here' },
    to: { type: 'float64', what: 'to below here; in the last bin, to here' },
    n: { type: 'int32', what: 'texts in the bin' },
    score: { type: 'float64', nullable: true, what: 'their mean score' },
    reference: {
      type: 'float64',
      nullable: true,
      what: 'their mean reference score; of labels 0 and 1, the share of 1',
    },
  },
});

export const DISAGREEMENTS = tableFormat({
  name: 'disagreements',
  madeBy: ['score/compare'],
  what: 'The texts of which scores and reference differ most, as many above as below the reference.',
  columns: {
    attribute: { type: 'string', what: 'of which score' },
    difference: { type: 'float64', what: 'score less reference' },
    score: { type: 'float64', what: 'the score' },
    reference: { type: 'float64', what: 'the reference score' },
    table: { type: 'string', what: 'the axes of the table that the text is of' },
    id: { type: 'string', what: 'its id: `prompt_id` and `sample`, or `text_id`' },
    text: { type: 'string', nullable: true, what: 'the text, where it is known' },
  },
});
