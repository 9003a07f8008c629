import { isRecord, UserError } from '@sonde/base';
import { SPACE_CHARACTER } from './byte-level.ts';

/** A token of a text with the code points [from, to) that it stands for. */
export interface PlacedToken {
  readonly id: number;
  readonly value: string;
  readonly from: number;
  readonly to: number;
}

type Tokens = readonly PlacedToken[];

/** What becomes of a text's tokens: special ones around them if they are wanted, ranges without spaces. */
export type PostProcessor = (tokens: Tokens, special: boolean) => Tokens;

/** The same for tokens in groups: what one processor puts around a text is another text to the next. */
type Step = (groups: readonly Tokens[], special: boolean) => readonly Tokens[];

/**
 * @param config the part of tokenizer.json
 * @param idOf the number of a token that the part does not number
 * @throws UserError if it is one that is not known
 */
export function postProcessorOf(config: unknown, idOf: (token: string) => number | undefined): PostProcessor {
  const step = stepOf(config, (token) => {
    const id = idOf(token);
    if (id !== undefined) return id;
    throw new UserError('model', `The post-processor's token ${JSON.stringify(token)} is not in the vocabulary.`);
  });
  return (tokens, special) => step([tokens], special).flat();
}

function stepOf(config: unknown, numbered: Numbered): Step {
  if (!isRecord(config)) return (groups) => groups;
  switch (config.type) {
    case 'Sequence': {
      const all = (Array.isArray(config.processors) ? config.processors : []).map((part) => stepOf(part, numbered));
      return (groups, special) => all.reduce((made, each) => each(made, special), groups);
    }
    case 'ByteLevel':
      return trimming(config);
    case 'RobertaProcessing': {
      const [trim, wrap] = [trimming(config), wrapping(config, numbered, true)];
      return (groups, special) => wrap(trim(groups, special), special);
    }
    case 'BertProcessing':
      return wrapping(config, numbered, false);
    case 'TemplateProcessing':
      return template(config, numbered);
    default:
      throw new UserError(
        'model',
        `tokenizer.json: the post-processor ${JSON.stringify(config.type)} is not supported.`,
      );
  }
}

type Numbered = (token: string) => number;

function specialToken(id: number, value: string): PlacedToken {
  return { id, value, from: 0, to: 0 };
}

/** @param both whether the token that ends a text stands before a second one too */
function wrapping({ cls, sep }: Readonly<Record<string, unknown>>, numbered: Numbered, both: boolean): Step {
  const [first, last] = [cls, sep].map((pair) => {
    const [token, id] = pair as readonly [string, number?];
    return specialToken(id ?? numbered(token), token);
  }) as [PlacedToken, PlacedToken];
  return (groups, special) =>
    special ? groups.map((group, at) => [...(at === 0 ? [first] : both ? [last] : []), ...group, last]) : groups;
}

function template(config: Readonly<Record<string, unknown>>, numbered: Numbered): Step {
  const [single, pair] = [config.single, config.pair].map((pieces) =>
    piecesOf(pieces, config.special_tokens, numbered),
  );
  return (groups, special) => {
    const pieces = groups.length === 1 ? single : groups.length === 2 ? pair : undefined;
    const made = pieces?.flatMap((piece) => (typeof piece === 'number' ? [groups[piece]] : special ? [piece] : []));
    if (made?.every((group) => group !== undefined)) return made;
    throw new UserError('model', 'tokenizer.json: its post-processor has no template for as many texts as there are.');
  };
}

/** A template's pieces: special tokens, or the place of a text. */
function piecesOf(pieces: unknown, tokens: unknown, numbered: Numbered): (Tokens | number)[] {
  return (Array.isArray(pieces) ? pieces : []).filter(isRecord).map((piece) => {
    if (isRecord(piece.Sequence)) return piece.Sequence.id === 'A' ? 0 : 1;
    const name = isRecord(piece.SpecialToken) ? String(piece.SpecialToken.id) : '';
    const known = isRecord(tokens) ? tokens[name] : undefined;
    if (!isRecord(known) || !Array.isArray(known.ids)) return [specialToken(numbered(name), name)];
    const texts = Array.isArray(known.tokens) ? known.tokens : [];
    return known.ids.map((id: unknown, i) => specialToken(Number(id), String(texts[i] ?? name)));
  });
}

const SPACE = new RegExp(`[\\p{White_Space}${SPACE_CHARACTER}]`, 'u');

/** Ranges without the spaces at the ends of their tokens, but for one that may have been put before the text. */
function trimming({ trim_offsets: trims, add_prefix_space: prefix }: Readonly<Record<string, unknown>>): Step {
  if (trims === false) return (groups) => groups;
  const trim = (token: PlacedToken, at: number): PlacedToken => {
    const points = [...token.value];
    const text = points.findIndex((point) => !SPACE.test(point));
    const leading = text < 0 ? points.length : text;
    const trailing = points.length - 1 - points.findLastIndex((point) => !SPACE.test(point));
    const keeps = leading === 1 && prefix !== false && (at === 0 || token.from === 0);
    const from = keeps ? token.from : Math.min(token.from + leading, token.to);
    return { ...token, from, to: token.to < trailing ? token.to : Math.max(token.to - trailing, from) };
  };
  return (groups) => groups.map((group) => group.map(trim));
}
