import { UserError } from '@sonde/base';

type Config = Readonly<Record<string, unknown>>;

/** `GPTNeoX` and `gpt_neox`, `Gemma3` and `gemma3_text` are one. */
function plain(name: string): string {
  return name
    .toLowerCase()
    .replace(/[^a-z0-9]/g, '')
    .replace(/text$/, '');
}

/** A kind that transformers builds of the classes of another, or calls them otherwise. */
const SAME: ReadonlyMap<string, string> = new Map([
  ['hunyuanv1dense', 'hunyuandensev1'],
  ['hunyuanv1moe', 'hunyuanmoev1'],
  ['ministral', 'mistral'],
]);

/**
 * `model_type` decides what transformers builds, `architectures` what is built here: they must be of one kind.
 * @param named the class @throws UserError if they are not
 */
export function refuseContradictions(named: string, config: Config, where: string): void {
  const { model_type: type } = config;
  if (typeof type !== 'string' || type === '') return;
  const ofClass = plain(named.replace(/(For[A-Z]\w*|LMHeadModel|Model)$/, ''));
  const ofType = plain(type);
  if (ofType === ofClass || SAME.get(ofType) === ofClass) return;
  throw new UserError(
    'model',
    `${where}: model_type is "${type}", but architectures names ${named}; transformers goes by model_type, so that they must be of one kind.`,
    'Correct the one that is wrong.',
  );
}

/** Refuses what of a decoder's configuration changes how every class of transformers reads or answers. @throws UserError */
export function refuseOtherReading(config: Config, where: string): void {
  if (config.is_causal === false) {
    throw new UserError('model', `${where}: is_causal is false, which is not supported; text is read from its start.`);
  }
  if (config.tie_last_hidden_states === false) {
    throw new UserError(
      'model',
      `${where}: tie_last_hidden_states is false, which is not supported; the last hidden state is taken after the final norm.`,
      'Remove the field to capture it so.',
    );
  }
}
