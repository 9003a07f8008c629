import { artifact, boolean, type ConfigOf, object, optional } from '@sonde/pipeline';
import {
  interventions,
  layers,
  model,
  poolOfWhatThereIs,
  prompts,
  sites,
  stateDtype,
} from '../shared/model/schemas.ts';

export const config = object({
  model,
  prompts,
  continuations: optional(
    artifact('table', {
      description: 'A table with `prompt_id`, `sample`, `token_ids`; without it only prompts are read.',
    }),
  ),
  tokenize: optional(
    boolean({
      description:
        'Reads each continuation’s `text` with the model’s own tokenizer, not its `token_ids`: what another model, or a person, has written.',
    }),
    false,
  ),
  layers,
  pool: poolOfWhatThereIs,
  sites,
  dtype: stateDtype,
  interventions,
  losses: boolean({
    default: false,
    description: 'Also gives the negative log-likelihood of each prompt under the same interventions: perplexity.',
  }),
});

export type Config = ConfigOf<typeof config>;
