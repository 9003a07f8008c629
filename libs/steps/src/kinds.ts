import type { StepKind } from '@sonde/executor';
import { activationsCapture } from './kinds/activations-capture.ts';
import { behaviorSummarize } from './kinds/behavior-summarize.ts';
import { command } from './kinds/command.ts';
import { correlateModels } from './kinds/correlate-models.ts';
import { probeTrain } from './kinds/probe-train.ts';
import { promptsSample } from './kinds/prompts-sample.ts';
import { reportHtml } from './kinds/report-html.ts';
import { tableConcat, tableFilter, tableImport, tableJoin } from './kinds/tables.ts';
import { textGenerate } from './kinds/text-generate.ts';
import { textScore } from './kinds/text-score.ts';

/** The step kinds that come with Sonde, in the order in which an experiment uses them. */
export const STEP_KINDS: ReadonlyMap<string, StepKind> = new Map(
  [
    promptsSample,
    textGenerate,
    activationsCapture,
    textScore,
    probeTrain,
    behaviorSummarize,
    correlateModels,
    reportHtml,
    tableImport,
    tableFilter,
    tableJoin,
    tableConcat,
    command,
  ].map((kind) => [kind.kind, kind]),
);
