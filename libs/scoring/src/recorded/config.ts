import { artifacts, type ConfigOf, constant, object, optional, text, words } from '@sonde/pipeline';
import { byAttribute, name } from '../fields.ts';

export const config = object({
  kind: constant('recorded'),
  name,
  table: artifacts('table', {
    description:
      'Texts and their scores, one table or several: any table, the Perspective API’s requests and responses as JSON Lines, RealToxicityPrompts, or generations with the responses to each.',
  }),
  text: optional(
    text({
      minLength: 1,
      description:
        'The column of texts. If not given: `text`, `request.comment.text`, `comment.text`, or `prompt.text` and `continuation.text`.',
    }),
  ),
  columns: optional(
    byAttribute(
      'Attribute → the column of its scores. If not given: `score.<ATTRIBUTE>`, or the Perspective API’s `attributeScores`, or the scores beside each text.',
    ),
  ),
  repeated: optional(
    words(['error', 'first', 'last'], {
      description: 'Which answer counts where a text has several that differ.',
    }),
    'error',
  ),
});

export type Config = ConfigOf<typeof config>;
