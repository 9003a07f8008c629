import { tableFormat } from '../column.ts';

export const SCORES = tableFormat({
  name: 'scores',
  madeBy: ['text/score'],
  what: 'A row for each text that was scored.',
  columns: {
    prompt_id: { type: 'string', what: 'as in the scored table', only: 'where the scored table has it' },
    sample: { type: 'int32', nullable: true, what: 'as in the scored table', only: 'where the scored table has it' },
    text_id: {
      type: 'string',
      what: 'as in the scored table, or made: first 16 hex digits of the SHA-256 of the text',
      only: 'where there is no `prompt_id`',
    },
    'score.<ATTRIBUTE>': {
      type: 'float64',
      nullable: true,
      what: '0 to 1 (any number of a classifier without activation); null where the text was not scored',
    },
    outcome: {
      type: 'string',
      words: ['ok', 'truncated', 'empty', 'too_long', 'unsupported_language', 'refused', 'not_recorded'],
      open: true,
      what: 'whether the text was scored (`truncated`: its beginning), or why not',
    },
    scorer: { type: 'string', nullable: true, what: 'which scorer it was, in which version' },
  },
});
