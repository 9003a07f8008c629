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
      what: 'as in the scored table, or made: first 16 hex digits of the SHA-256 of the text, `no_text` where there is none',
      only: 'where there is no `prompt_id`',
    },
    'score.<ATTRIBUTE>': {
      type: 'float64',
      nullable: true,
      what: '0 to 1 (any number of a classifier without activation); null where the text was not scored',
    },
    outcome: {
      type: 'string',
      words: ['ok', 'truncated', 'no_text', 'empty', 'too_long', 'unsupported_language', 'refused', 'not_recorded'],
      open: true,
      what: 'whether the text was scored (`truncated`: its beginning), or why not (`no_text`: the cell is null)',
    },
    scorer: { type: 'string', nullable: true, what: 'which scorer it was, in which version' },
  },
});

export const ANSWERS = tableFormat({
  name: 'answers',
  madeBy: ['text/score'],
  what: 'A row for each distinct text that a judge or a service was asked about: what it answered, whole.',
  columns: {
    text: { type: 'string', what: 'the text' },
    request: {
      type: 'json',
      nullable: true,
      what: 'what was asked; null where it was known without, and of a judge, whose question its scorer knows',
    },
    response: {
      type: 'json',
      nullable: true,
      what: 'the answer as it came; of a judge, the log-probability of each answer',
    },
    time: {
      type: 'string',
      nullable: true,
      what: 'when it was given (ISO 8601, UTC); null where it would be the same at any time',
    },
    'score.<ATTRIBUTE>': { type: 'float64', nullable: true, what: 'what was read from it' },
    outcome: { type: 'string', what: 'as in `scores`' },
    detail: { type: 'string', nullable: true, what: 'the scorer’s own word on a text that was not scored' },
    scorer: { type: 'string', what: 'which scorer it was, in which version' },
  },
  notes: 'As JSON Lines it is a record of requests and responses; `kind: recorded` reads it again.',
});
