import { tableFormat } from '../column.ts';

export const CONTINUATIONS = tableFormat({
  name: 'continuations',
  madeBy: ['text/generate'],
  what: 'A row for each continuation of each prompt.',
  columns: {
    prompt_id: { type: 'string', what: 'whose' },
    sample: { type: 'int32', what: 'the sample’s number, from 0' },
    text: {
      type: 'string',
      blank: true,
      what: 'the generated tokens decoded, without the prompt and without special tokens',
    },
    token_ids: { type: 'list<int32>', blank: true, what: 'the generated tokens, an end-of-text token included' },
    finish: {
      type: 'string',
      words: ['eos', 'length'],
      what: 'whether the model ended the text, or the tokens were as many as allowed',
    },
    logprob: {
      type: 'float64',
      what: 'sum of natural log-probabilities of the tokens under the model’s full distribution (temperature 1, nothing cut off)',
    },
  },
});

export const LOSSES = tableFormat({
  name: 'losses',
  madeBy: ['activations/capture'],
  what: 'A row for each prompt: how well the model predicts it.',
  columns: {
    prompt_id: { type: 'string', what: 'whose' },
    tokens: { type: 'int32', what: 'tokens predicted' },
    bytes: {
      type: 'int32',
      nullable: true,
      what: 'UTF-8 bytes of the text that they stand for: all but those of a first token of the text’s own, which nothing predicts',
    },
    nll: { type: 'float64', nullable: true, what: 'their summed negative log-likelihood, in nats; null for no token' },
  },
});
