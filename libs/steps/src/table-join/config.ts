import { artifact, type ConfigOf, list, object, optional, words } from '@sonde/pipeline';
import { unmatched } from '../shared/matching.ts';
import { columnName } from '../shared/tables.ts';

export const config = object({
  left: artifact('table', { description: 'The left table: its row order is kept.' }),
  right: artifact('table', { description: 'The right table.' }),
  on: list(columnName, { minItems: 1, uniqueItems: true }),
  how: words(['inner', 'left'], { default: 'inner' }),
  unmatched,
  validate: optional(
    words(['one_to_one', 'one_to_many', 'many_to_one', 'many_to_many'], {
      description:
        'How often the joined columns’ values may stand in the left and in the right table; anything else is refused. Without it, values of the left table that stand in several rows of the right are refused.',
    }),
  ),
  conflicts: words(['error', 'left', 'right'], {
    default: 'error',
    description:
      'Which table a column is taken from that both have besides those joined on. Scores are taken as a whole: where that table names its `scorer`, scores that the other alone has are left out.',
  }),
});

export type Config = ConfigOf<typeof config>;
