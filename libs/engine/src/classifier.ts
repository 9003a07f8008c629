import { UserError } from '@sonde/base';
import { checkPrecision, localFolder } from '@sonde/checkpoints';
import {
  classifierGraph,
  describeClassifier,
  type Features,
  PLAIN,
  type Problem,
  type TrunkSizes,
} from '@sonde/networks';
import { openTokenizer, type Tokenizer } from '@sonde/tokenizers';
import { byLength, runsOf } from './decoding/batches.ts';
import { placesOf, planInterventions } from './interventions.ts';
import { featuresOf } from './options.ts';
import { type ClassifierEngine, createClassifierEngine } from './session/classifier.ts';
import { growEngine } from './session/grow.ts';
import { graphFormOf, placementOf } from './session/providers.ts';
import { planSession } from './session/session.ts';
import { NonFiniteStates } from './states.ts';
import type { Intervention, OpenOptions, RunHooks } from './types.ts';
import { openWeights } from './weights.ts';

/** What a classifier's config.json says. */
export interface ClassifierConfig {
  /** The class name in config.json, `BertForSequenceClassification` for example. */
  readonly architecture: string;
  readonly layers: number;
  readonly hiddenSize: number;
  readonly vocabSize: number;
  readonly parameters: number;
  /** Longest sequence, in tokens. */
  readonly maxPositions: number;
  /** The names of the labels, by their numbers. */
  readonly labels: readonly string[];
  /** How logits become probabilities: transformers' `problem_type`; null where config.json does not say. */
  readonly problem: Problem | null;
}

/** A loaded classifier. Use it from one task at a time. */
export interface ClassifierModel {
  readonly folder: string;
  readonly config: ClassifierConfig;
  readonly tokenizer: Tokenizer;
  /** Frees its memory. */
  close(): Promise<void>;
}

/** What the functions of this library know of a classifier beside its public face. */
interface Internals {
  readonly sizes: TrunkSizes;
  readonly check: (features: Features) => void;
  /** An engine with these features; built anew only if the one there is lacks one of them. */
  engine(features: Features): Promise<ClassifierEngine>;
}

const internals = new WeakMap<ClassifierModel, Internals>();

export function classifierInternals(model: ClassifierModel): Internals {
  const found = internals.get(model);
  if (!found) throw new UserError('model', `The classifier of ${model.folder} is closed.`);
  return found;
}

/**
 * Opens a classifier's folder in the hub's layout (safetensors), with a PEFT LoRA adapter if given: reads and checks all
 * but the weights' numbers, which are loaded when it first runs.
 * @throws UserError if something is missing or not supported
 */
export async function openClassifier(folder: string, options: OpenOptions): Promise<ClassifierModel> {
  const placement = placementOf(options);
  const opened = await openWeights(
    await localFolder(folder),
    options.adapter,
    checkPrecision(options),
    describeClassifier,
  );
  const { network, architecture, weights } = opened;
  const { product } = graphFormOf(placement);
  const plan = (features: Features) =>
    planSession(weights, (source) => classifierGraph(network, source, features, product), placement);
  const { parameters } = plan(PLAIN);
  const { sizes } = network.trunk;
  const check = (): void => undefined;
  const engines = growEngine({
    check,
    build: async (features) => createClassifierEngine(await plan(features).create(), network, features),
  });
  const { layers, hiddenSize, vocabSize, maxPositions } = sizes;
  const { labels, problem } = network.head;
  const model: ClassifierModel = {
    folder,
    config: { architecture, layers, hiddenSize, vocabSize, parameters, maxPositions, labels, problem },
    tokenizer: await openTokenizer(folder),
    async close() {
      internals.delete(model);
      await engines.release();
    },
  };
  internals.set(model, { sizes, check, engine: engines.engine });
  return model;
}

/** @throws UserError if a sequence is empty, too long, or has a token that is not in the vocabulary */
function checkSequences({ config, folder }: ClassifierModel, sequences: readonly (readonly number[])[]): void {
  const { vocabSize, maxPositions } = config;
  sequences.forEach((ids, i) => {
    const fail = (what: string): never => {
      throw new UserError('model', `Sequence ${i} for the classifier ${folder} ${what}.`);
    };
    if (ids.length === 0) fail('has no token; expected one or more');
    if (ids.length > maxPositions) fail(`has ${ids.length} tokens; at most ${maxPositions} can be read`);
    const outside = ids.find((id) => !Number.isInteger(id) || id < 0 || id >= vocabSize);
    if (outside !== undefined) fail(`has token ${outside}; the vocabulary has ${vocabSize}`);
  });
}

/**
 * Classifies sequences of tokens, special tokens included, in batches of like lengths.
 * @returns logits [sequences, labels], in the order given; up to rounding they do not depend on what else is read
 * @throws UserError for a sequence that cannot be read, or logits that are not finite; the signal's reason
 */
export async function classify(
  model: ClassifierModel,
  sequences: readonly (readonly number[])[],
  options: { readonly interventions?: readonly Intervention[] } = {},
  { onProgress, signal }: Pick<RunHooks, 'onProgress' | 'signal'> = {},
): Promise<Float32Array> {
  checkSequences(model, sequences);
  const { length: labels } = model.config.labels;
  const inside = classifierInternals(model);
  const plan = planInterventions(options.interventions ?? [], inside);
  const engine = await inside.engine(featuresOf(null, plan));
  const order = byLength(sequences.map((ids) => ids.length));
  const logits = new Float32Array(sequences.length * labels);
  for (const [start, end] of runsOf(order.map((place) => sequences[place]!.length))) {
    signal?.throwIfAborted();
    onProgress?.({ done: start, total: sequences.length });
    const places = order.slice(start, end);
    const group = places.map((place) => sequences[place]!);
    const width = Math.max(...group.map((ids) => ids.length));
    const changes = plan.changes(() =>
      placesOf(
        group.map((ids, i) => ({ id: `${places[i]}`, ids })),
        width,
      ),
    );
    const result = await engine.run({ sequences: group, changes });
    if (!result.logits.every(Number.isFinite)) {
      throw new NonFiniteStates(`The classifier ${model.folder} overflows: its logits are not finite.`);
    }
    places.forEach((place, row) => {
      logits.set(result.logits.subarray(row * labels, (row + 1) * labels), place * labels);
    });
  }
  onProgress?.({ done: sequences.length, total: sequences.length });
  return logits;
}
