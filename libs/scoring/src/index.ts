export { ATTRIBUTES, type Attribute } from './attributes.ts';
export { listScorerFiles, openLocalScorer } from './local-scorer.ts';
export { type ScoreTextsOptions, scoreTexts } from './score-texts.ts';
export {
  MISSING_OUTCOMES,
  type MissingOutcome,
  type ScoreOutcome,
  type Scorer,
  type ScorerIdentity,
  scorerLabel,
} from './scorer.ts';
