// What is read to plan: the kinds of scorer and their names, without what runs them. Also to be had as
// @sonde/scoring/kinds.
import { classifier } from './classifier/kind.ts';
import { column } from './column/kind.ts';
import { command } from './command/kind.ts';
import type { ScorerKind } from './define-scorer.ts';
import { http } from './http/kind.ts';
import { lm } from './lm/kind.ts';
import { perspective } from './perspective/kind.ts';
import { recorded } from './recorded/kind.ts';
import { regex } from './regex/kind.ts';

/** The kinds of scorer that come with Sonde. */
export const SCORER_KINDS: readonly ScorerKind[] = [
  classifier,
  lm,
  perspective,
  recorded,
  column,
  regex,
  command,
  http,
];

export { defineScorer, isScorerKind, type ScorerKind } from './define-scorer.ts';
export { nameOfScorer } from './scorer-name.ts';
