import { artifact, type ConfigOf, constant, object, optional, text } from '@sonde/pipeline';
import { byAttribute, name } from '../fields.ts';

export const config = object({
  kind: constant('recorded'),
  name,
  table: artifact('table', {
    description:
      'Texts and their scores: any table, the Perspective API’s requests and responses as JSON Lines, or RealToxicityPrompts.',
  }),
  text: optional(
    text({
      minLength: 1,
      description:
        'The column of texts. If not given: `text`, `request.comment.text`, `comment.text`, or `prompt.text`.',
    }),
  ),
  columns: optional(
    byAttribute(
      'Attribute → the column of its scores. If not given: `score.<ATTRIBUTE>`, or the Perspective API’s `attributeScores`, or the scores beside `prompt.text`.',
    ),
  ),
});

export type Config = ConfigOf<typeof config>;
