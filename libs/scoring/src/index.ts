export { ATTRIBUTES, type Attribute } from './attributes.ts';
export { defineScorer, type ScorerContext, type ScorerKind } from './define-scorer.ts';
export { listScorerFiles, openLocalScorer } from './local-scorer.ts';
export { isClassifierFolder, openScorer, type ScorerConfig } from './open-scorer.ts';
export { inScoringOrder, type ScoreTextsOptions, scoreBatches, scoreTexts } from './score-texts.ts';
export {
  type Answer,
  MISSING_OUTCOMES,
  type MissingOutcome,
  type ScoreOutcome,
  type Scorer,
  type ScorerIdentity,
  scorerLabel,
  type TextRow,
} from './scorer.ts';
