import type { StepKind } from '@sonde/executor';
import { activationsCapture } from './activations-capture/kind.ts';
import { behaviorCompare } from './behavior-compare/kind.ts';
import { behaviorSummarize } from './behavior-summarize/kind.ts';
import { behaviorVariance } from './behavior-variance/kind.ts';
import { command } from './command/kind.ts';
import { correlateModels } from './correlate-models/kind.ts';
import { probeCompare } from './probe-compare/kind.ts';
import { probeTrain } from './probe-train/kind.ts';
import { promptsSample } from './prompts-sample/kind.ts';
import { reportHtml } from './report-html/kind.ts';
import { scoreCompare } from './score-compare/kind.ts';
import { tableAggregate } from './table-aggregate/kind.ts';
import { tableConcat } from './table-concat/kind.ts';
import { tableFilter } from './table-filter/kind.ts';
import { tableImport } from './table-import/kind.ts';
import { tableJoin } from './table-join/kind.ts';
import { textGenerate } from './text-generate/kind.ts';
import { textScore } from './text-score/kind.ts';

/** The step kinds that come with Sonde, in the order in which an experiment uses them. */
export const STEP_KINDS: ReadonlyMap<string, StepKind> = new Map(
  [
    promptsSample,
    textGenerate,
    activationsCapture,
    textScore,
    probeTrain,
    probeCompare,
    behaviorSummarize,
    behaviorVariance,
    behaviorCompare,
    correlateModels,
    scoreCompare,
    reportHtml,
    tableImport,
    tableFilter,
    tableJoin,
    tableConcat,
    tableAggregate,
    command,
  ].map((kind) => [kind.kind, kind]),
);
