import { tableFormat } from '../column.ts';

/** How a score's column is named, in every table that has scores. */
export const SCORE_PREFIX = 'score.';

export const PROMPTS = tableFormat({
  name: 'prompts',
  madeBy: ['prompts/sample'],
  what: 'A row for each prompt.',
  columns: {
    prompt_id: {
      type: 'string',
      what: 'the source’s own (its `prompt_id`, or the column that `id:` names); where it has none, the first 16 hex digits of the SHA-256 of the text: the same text has the same id everywhere (with `-2` at its second row)',
    },
    text: { type: 'string', what: 'the prompt as the source has it' },
    rendered: { type: 'string', what: 'what the model reads, after templates' },
    span_start: { type: 'int32', what: 'where the prompt begins inside `rendered`, in code points from 0' },
    span_end: { type: 'int32', what: 'where it ends, excluded' },
    add_special_tokens: {
      type: 'boolean',
      nullable: true,
      what: 'false: the chat template wrote the special tokens itself',
      only: 'with a chat template',
    },
    'score.<ATTRIBUTE>': { type: 'float64', nullable: true, what: 'the source’s score, 0 to 1, or null' },
    scorer: { type: 'string', nullable: true, what: 'who gave the scores', only: 'where the source says it' },
  },
  notes:
    'Ids stay as the source has them, and name a prompt in every later table. Rows come in the source’s order with\n`count: all`, else in that of a hash of seed and id (of seed\nand text where the source has no ids), so that a larger sample begins with the smaller one.\nThe source’s other columns are kept; one whose name is taken becomes `source.<name>`. RealToxicityPrompts’ nested\n`prompt.text`, `prompt.toxicity`, … become `text`, `score.TOXICITY`, …',
});
