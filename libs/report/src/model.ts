import type { AGAINST, COMPARED_BY, Group, Scenario } from '@sonde/formats/columns';

/**
 * What a report shows, as plain data: everything is computed before it comes here, the report only draws it. It says
 * what was found and from what, not when or how fast: the same results give the same report.
 * Rows name models by `ReportedModel.name`. A section that is not there does not appear.
 */
export type ReportModel = {
  readonly title: string;
  readonly description?: string;
  /** Which score the report is about first, where it has several. */
  readonly attribute?: string;
  /** `paper` repeats the published procedure, `default` is the recommended one, `mixed` where steps differ. */
  readonly mode: 'default' | 'paper' | 'mixed';
  /** What computed the results, as far as it decides their bytes: ONNX Runtime, say. */
  readonly software: readonly { readonly name: string; readonly version: string }[];
  /** What the run was, at a glance: numbers of prompts and samples, seeds. */
  readonly facts?: readonly { readonly name: string; readonly value: string }[];
  /** In the order in which they are drawn; colours follow it. */
  readonly models: readonly ReportedModel[];
  /** One row a task whose result the report rests on, each after those that it rests on. */
  readonly provenance: readonly ProvenanceRow[];
  readonly behavior?: BehaviorSection;
  readonly probes?: ProbeSection;
  readonly correlation?: CorrelationSection;
  readonly bypass?: BypassSection;
  readonly changes?: ChangesSection;
  readonly probeChanges?: ProbeChangesSection;
  /** A section for each axis of numbers that varies. */
  readonly axes?: readonly AxisSection[];
  readonly agreement?: AgreementSection;
  readonly examples?: ExampleSection;
};

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

export type ReportedModel = {
  /** As rows name it: the full reference, with revision and adapter if any, and every other axis that varies. */
  readonly name: string;
  /** The model itself, where `name` names other axes beside it. */
  readonly model?: string;
  /** Short, as plots and tables show it. */
  readonly label: string;
  /** Number of weights. */
  readonly parameters?: number;
  /** Number of blocks L; there are L + 1 layers of hidden states. */
  readonly blocks?: number;
};

/** A number with its interval. A null is shown as "–" with its reason. */
export type Estimate = {
  readonly value: number | null;
  readonly low?: number | null;
  readonly high?: number | null;
  /** Why `value` is null. */
  readonly reason?: string;
};

/** How the intervals of a section were made. */
export type IntervalMethod = {
  /** 0.95 for 95 %; absent where the ends are not quantiles (a range over folds). */
  readonly level?: number;
  /** "bootstrap over prompts, percentile", say. */
  readonly method: string;
  readonly resamples?: number;
};

export type ProvenanceRow = {
  /** The step kind, `text/generate`. A result knows no step names: steps are renamed without computing anew. */
  readonly kind: string;
  /** The task's axis values, `{ model: 'embedded:parlour-base' }`. */
  readonly axes: Readonly<Record<string, string>>;
  /** The task's full key, `sha256:…`. */
  readonly key: string;
  /** Null where the kind draws nothing at random. */
  readonly seed: number | null;
  readonly config: Json;
};

export type BehaviorSection = {
  /** Continuations a prompt: several numbers where they differ. */
  readonly k: number | string;
  /** In what the rows were made differently: they are then shown, and not compared. */
  readonly incomparable?: readonly string[];
  /** Whose prompts and continuations were scored by different scorers. */
  readonly twoScorers?: readonly string[];
  /** A text scores high from this score on (0.5). */
  readonly threshold: number;
  /** How prompts with a high score are counted: `paper` as the published code does. */
  readonly mode: 'default' | 'paper' | 'mixed';
  readonly scorer: string;
  readonly interval?: IntervalMethod;
  readonly rows: readonly BehaviorRow[];
  /** EMT at each smaller k. */
  readonly curves?: readonly Curve[];
  /** Measures of the text itself, in the order to be shown. */
  readonly measures?: readonly Measure[];
  readonly text?: readonly TextRow[];
  /** EMT over the prompts that all models have all scores of, where models lose different ones. */
  readonly common?: readonly CommonRow[];
  /** How much of the variance of EMT lies between settings, where each has replicates (seeds, templates). */
  readonly components?: Components | undefined;
  readonly notes?: readonly string[];
};

export type Measure = { readonly name: string; readonly label: string; readonly unit?: string };

export type TextRow = { readonly model: string; readonly measure: string; readonly value: Estimate };

export type CommonRow = {
  readonly model: string;
  readonly attribute: string;
  readonly emt: Estimate;
  readonly prompts: number;
};

export type Components = {
  /** The axes that settings differ along: "precision". */
  readonly between: string;
  /** The axes of the replicates: "seed". */
  readonly within: string;
  readonly level: number;
  readonly rows: readonly ComponentRow[];
};

export type ComponentRow = {
  readonly attribute: string;
  /** Standard deviations between settings, and within one. */
  readonly between: Estimate;
  readonly within: Estimate;
  /** Share of the variance that is between settings. */
  readonly share: Estimate;
  /** Values, and the settings that they are of. */
  readonly n: number;
  readonly settings: number;
  /** Degrees of freedom between settings, and within them. */
  readonly df: readonly [between: number, within: number];
};

/** How a measure changes with a number, a line a series. */
export type Curve = {
  /** As its data name it: `emt TOXICITY`. */
  readonly measure: string;
  readonly caption: string;
  /** What the values are: "EMT". */
  readonly unit: string;
  /** Values lie between 0 and 1, or around: one range for all. */
  readonly share?: boolean;
  readonly points: readonly { readonly series: string; readonly x: number; readonly value: Estimate }[];
};

export type AxisSection = {
  readonly axis: string;
  /** Groups of measures, shown one at a time. */
  readonly groups: readonly {
    readonly label: string;
    readonly curves: readonly Curve[];
    /** The step kinds that made them. */
    readonly steps: readonly string[];
  }[];
  /** What a series is called, by its name in `points`. */
  readonly labels: Readonly<Record<string, string>>;
  readonly notes?: readonly string[];
};

export type BehaviorRow = {
  readonly model: string;
  /** `TOXICITY`, … */
  readonly attribute: string;
  /** `all` prompts, or those whose own score of the attribute is at least the threshold (`high`) or below it. */
  readonly group: Group;
  /** Expected maximum of the score (of toxicity: EMT), 0–1. */
  readonly emt: Estimate;
  /** Share of prompts with at least one continuation at or above the threshold, 0–1. */
  readonly probability: Estimate;
  /** Prompts of the group that were counted. */
  readonly prompts: number;
  /** Share of the group's prompts left out because a continuation has no score, 0–1. */
  readonly missing: number | null;
};

export type ProbeSection = {
  readonly interval?: IntervalMethod;
  readonly folds: number;
  /** "ridge, penalty by inner grouped cross-validation", say. */
  readonly method: string;
  readonly rows: readonly ProbeRow[];
  readonly baselines: readonly BaselineRow[];
  /** Permutations of the labels behind `ProbeRow.chance`. */
  readonly permutations?: number;
  readonly notes?: readonly string[];
};

export type ProbeRow = {
  readonly model: string;
  readonly scenario: Scenario;
  /** An attribute, or `length`. */
  readonly target: string;
  /** 0 is the embedding output, l the output of block l − 1. */
  readonly layer: number;
  /** Pearson correlation on held-out prompts, mean over folds. */
  readonly score: Estimate;
  /** Share of the held-out variance that is predicted, mean over folds. */
  readonly r2?: number | null;
  /** Pearson correlation after the mean of each prompt; null where a prompt has one row. */
  readonly withinPrompt?: number | null;
  /** Score less that of the control task. */
  readonly selectivity?: Estimate;
  /** What 95 % of probes on permuted labels do not exceed, and their mean. */
  readonly chance?: { readonly mean: number; readonly upper: number } | null;
  /** Held-out rows over all folds. */
  readonly n: number;
};

export type BaselineRow = {
  readonly model: string;
  readonly scenario: Scenario;
  readonly target: string;
  /** `bag of words`, `text length`, `random direction`, `random LM`: the name in the legend. */
  readonly baseline: string;
  /** Null for a baseline that has no layers: a level line. */
  readonly layer: number | null;
  readonly score: Estimate;
};

export type CorrelationSection = {
  /** Models correlated over, or other units. */
  readonly models: number;
  /** What n counts: `model`, unless it says otherwise. */
  readonly unit?: string;
  /** How many families they are of; null where nothing says which are related. */
  readonly families?: number | null;
  /** What behaviour is: `emt`, say. */
  readonly behavior: string;
  readonly coefficient: 'pearson' | 'spearman';
  /** "Benjamini–Hochberg over 252 correlations", say. */
  readonly adjustment: string;
  readonly interval?: IntervalMethod;
  /** `layer`, or `relative_depth` (0–1) where models differ in depth. */
  readonly axis: 'layer' | 'relative_depth';
  /** What partial correlations are given, in words: "the spread of the labels". */
  readonly given?: string;
  /** What was resampled for bootstrap intervals. */
  readonly bootstrap?: string;
  readonly rows: readonly CorrelationRow[];
  readonly notes?: readonly string[];
};

export type CorrelationRow = {
  readonly scenario: Scenario;
  readonly target: string;
  /** Layer number, or relative depth. */
  readonly position: number;
  readonly coefficient: Estimate;
  /** Adjusted for multiplicity. */
  readonly p: number | null;
  /** Against the largest of all correlations (family-wise), from exchanging units. */
  readonly familyWise?: number | null;
  /** What is left of it given `CorrelationSection.given`. */
  readonly partial?: Estimate;
  /** Its p, adjusted for multiplicity. */
  readonly partialP?: number | null;
  /** Likewise, against the largest partial correlation of all when units, families as blocks, change places. */
  readonly partialFamilyWise?: number | null;
  /** With each unit's probe score corrected to one spread of labels. */
  readonly corrected?: Estimate;
  /** The lowest and the highest that it is with one family, or one unit, left out. */
  readonly leftOut?: readonly [number, number] | null;
  /** By bootstrap over what `CorrelationSection.bootstrap` says. */
  readonly bootstrap?: readonly [number, number] | null;
  /** Within families, pooled. */
  readonly pooled?: Estimate;
  /** Less the correlation at the first place, with the p of no difference. */
  readonly againstFirst?: { readonly difference: number; readonly p: number | null } | null;
  /** Models with both numbers. */
  readonly n: number;
};

export type BypassSection = {
  readonly k: number;
  readonly interval?: IntervalMethod;
  /** Change of EMT against the model as it is, a row for each bypassed block. */
  readonly rows: readonly BypassRow[];
  /** What else changes: perplexity, distinct-2, length …, in the order to be shown. */
  readonly measures: readonly Measure[];
  /** What is changed: "Bypassed block" unless it says otherwise. */
  readonly axis?: string;
  readonly harm: readonly HarmRow[];
  readonly notes?: readonly string[];
};

export type BypassRow = {
  readonly model: string;
  readonly attribute: string;
  readonly group: Group;
  /** The block bypassed, from 0; or the value of `BypassSection.axis`. */
  readonly block: number;
  readonly deltaEmt: Estimate;
  /** Two-sided p of no change, by itself and adjusted over the blocks (Holm). */
  readonly p: number | null;
  readonly adjusted: number | null;
  /** Mean difference over the differences' standard deviation. */
  readonly effect: number | null;
  readonly prompts: number;
};

export type HarmRow = {
  readonly model: string;
  /** Null for the model as it is. */
  readonly block: number | null;
  /** A name of `measures`. */
  readonly measure: string;
  readonly value: Estimate;
};

/** What changes did to behaviour, each against its reference on the same prompts. */
export type ChangesSection = {
  /** The attribute that conclusions are about. */
  readonly attribute: string;
  readonly k: number;
  readonly interval?: IntervalMethod;
  readonly comparisons: readonly Comparison[];
};

export type Comparison = {
  readonly name: string;
  /** The axis that is drawn as x, where there is one of numbers. */
  readonly axis?: string;
  readonly rows: readonly ChangeRow[];
};

export type ChangeRow = {
  readonly setting: string;
  /** On the comparison's axis; null without one. */
  readonly x: number | null;
  /** Of several lines over the axis, which. */
  readonly series: string;
  readonly against: (typeof AGAINST)[number];
  readonly metric: string;
  /** Null for measures of the text. */
  readonly attribute: string | null;
  readonly group: Group;
  readonly value: number | null;
  readonly other: number | null;
  readonly difference: Estimate;
  /** Adjusted for multiplicity. */
  readonly p: number | null;
  readonly agreement: number | null;
  readonly replicates: number;
  readonly replicateSd: number | null;
  readonly noiseSd: number | null;
  readonly n: number;
};

/** How much better or worse probes read a changed model. */
export type ProbeChangesSection = {
  readonly interval?: IntervalMethod;
  readonly rows: readonly ProbeChangeRow[];
};

export type ProbeChangeRow = {
  readonly comparison: string;
  readonly setting: string;
  readonly against: 'reference' | 'contrast';
  readonly scenario: Scenario;
  readonly target: string;
  /** Null of the mean over layers. */
  readonly layer: number | null;
  readonly value: number | null;
  readonly other: number | null;
  readonly difference: Estimate;
  /** Adjusted for multiplicity. */
  readonly p: number | null;
  /** Spread of the labels over that of the reference’s labels. */
  readonly targetSdRatio: number | null;
  readonly n: number;
};

/** Two scorers of the same texts, or a scorer and people. */
export type AgreementSection = {
  readonly scorer: string;
  readonly reference: string;
  readonly interval?: IntervalMethod;
  readonly rows: readonly AgreementRow[];
  readonly calibration: readonly CalibrationPoint[];
  readonly models: readonly AgreementModel[];
  /** How alike the two order models, for each attribute. */
  readonly ranking: readonly { readonly attribute: string; readonly spearman: Estimate; readonly kendall: Estimate }[];
  readonly examples: readonly AgreementExample[];
  readonly notes?: readonly string[];
};

type ComparedBy = (typeof COMPARED_BY)[number];

export type AgreementRow = {
  readonly attribute: string;
  readonly by: ComparedBy;
  /** `all`, `8–15 words`, the name of a table. */
  readonly group: string;
  /** Texts with both scores, and those that lack one. */
  readonly n: number;
  readonly missing: number;
  readonly pearson: Estimate;
  readonly spearman: Estimate;
  /** Mean of score less reference. */
  readonly difference: Estimate;
  /** For the label that the reference gives. */
  readonly auc: Estimate;
  /** At the threshold that is nearest to a half. */
  readonly threshold: number;
  readonly agreement: Estimate;
  readonly kappa: Estimate;
};

/** The texts of a bin of scores. */
export type CalibrationPoint = {
  readonly attribute: string;
  readonly score: number;
  readonly reference: number;
  readonly n: number;
};

export type AgreementModel = {
  readonly attribute: string;
  readonly model: string;
  readonly emt: Estimate;
  readonly referenceEmt: Estimate;
  readonly difference: Estimate;
  /** 1 has the highest expected maximum; absent where there is one model. */
  readonly rank?: number | null;
  readonly referenceRank?: number | null;
};

export type AgreementExample = {
  readonly attribute: string;
  /** The text, or its id where it is not known. */
  readonly text: string;
  readonly score: number;
  readonly reference: number;
};

export type ExampleSection = {
  /** Continuations with this attribute at or above `threshold` are folded away. */
  readonly attribute: string;
  readonly threshold: number;
  readonly prompts: readonly ExamplePrompt[];
  readonly notes?: readonly string[];
};

/** Scores by attribute; null where there is none. */
export type Scores = Readonly<Record<string, number | null>>;

export type ExamplePrompt = {
  readonly id: string;
  readonly text: string;
  readonly scores: Scores;
  readonly continuations: readonly ExampleContinuation[];
};

export type ExampleContinuation = {
  readonly model: string;
  readonly sample: number;
  readonly text: string;
  readonly scores: Scores;
  /** Why there is no score, where there is none. */
  readonly reason?: string;
};
