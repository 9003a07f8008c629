import { artifact, type ConfigOf, list, object, words } from '@sonde/pipeline';
import { unmatched } from '../shared/matching.ts';
import { columnName } from '../shared/tables.ts';

export const config = object({
  left: artifact('table', { description: 'The left table: its row order is kept.' }),
  right: artifact('table', { description: 'The right table.' }),
  on: list(columnName, { minItems: 1, uniqueItems: true }),
  how: words(['inner', 'left'], { default: 'inner' }),
  unmatched,
  repeats: words(['error', 'multiply'], {
    default: 'error',
    description:
      'What happens where one row of the left table finds several of the right: `error` refuses, `multiply` gives a row for each pair.',
  }),
  conflicts: words(['error', 'left', 'right'], {
    default: 'error',
    description: 'Which table a column is taken from that both have besides those joined on.',
  }),
});

export type Config = ConfigOf<typeof config>;
