import { UserError } from '@sonde/base';
import { checkPrecision, hasWeights, type LocalFolder, localFolder } from '@sonde/checkpoints';
import {
  type Classifier,
  classifierGraph,
  describeClassifier,
  type Features,
  PLAIN,
  type Problem,
  poolLayout,
  type TrunkSizes,
} from '@sonde/networks';
import { openTokenizer, type Tokenizer } from '@sonde/tokenizers';
import { byLength, evenRunsOf } from './decoding/batches.ts';
import { placesOf, planInterventions } from './interventions.ts';
import { featuresOf } from './options.ts';
import { openReadyClassifier, type ReadyClassifier } from './ready/classifier.ts';
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

/** What a folder holds: a checkpoint in safetensors, or a ready graph. */
interface Opened {
  readonly architecture: string;
  readonly head: Pick<Classifier, 'labels' | 'problem'>;
  readonly sizes: Pick<TrunkSizes, 'layers' | 'hiddenSize' | 'vocabSize' | 'maxPositions'>;
  readonly parameters: number;
  /** Without layers of a ready graph, inside which nothing is changed. */
  readonly trunk: TrunkSizes;
  check(features: Features): void;
  build(features: Features): Promise<ClassifierEngine>;
}

async function openCheckpointFolder(folder: LocalFolder, options: OpenOptions): Promise<Opened> {
  const placement = placementOf(options);
  const wanted = { precision: checkPrecision(options), adapter: options.adapter, random: null };
  const opened = await openWeights(folder, wanted, describeClassifier);
  const { network, architecture, weights } = opened;
  const { product } = graphFormOf(placement);
  const plan = (features: Features) =>
    planSession(weights, (source) => classifierGraph(network, source, features, product), placement);
  const { sizes } = network.trunk;
  return {
    architecture,
    head: network.head,
    sizes,
    parameters: plan(PLAIN).parameters,
    trunk: sizes,
    check: () => undefined,
    build: async (features) => createClassifierEngine(await plan(features).create(), network, features),
  };
}

function openReadyFolder(ready: ReadyClassifier, folder: string, options: OpenOptions): Opened {
  const unwanted = (['adapter', 'dtype', 'quantization'] as const).find((name) => options[name] !== undefined);
  if (unwanted) {
    throw new UserError(
      'model',
      `${folder} holds a ready graph, which runs as it is; ${unwanted} needs the classifier's safetensors checkpoint.`,
    );
  }
  const { provider, threads } = placementOf(options);
  const { hiddenSize } = ready.sizes;
  const trunk = { ...ready.sizes, layers: 0, heads: 1, keyValueHeads: 1, headSize: hiddenSize, window: null };
  return {
    ...ready,
    trunk,
    async build(features) {
      const { logits, release } = await ready.open(provider, threads);
      const nothing = new Float32Array();
      return {
        features,
        layout: poolLayout(trunk, []),
        release,
        run: async ({ sequences }) => ({ logits: await logits(sequences), pooled: nothing, maximum: null }),
      };
    },
  };
}

/**
 * Opens a classifier's folder in the hub's layout, with a PEFT LoRA adapter if given: reads and checks all but the weights'
 * numbers, which are loaded when it first runs. The weights are safetensors, or, where there are none, those of a ready
 * graph (model.onnx, onnx/model.onnx) from tokens to logits.
 * @throws UserError if something is missing or not supported
 */
export async function openClassifier(folder: string, options: OpenOptions): Promise<ClassifierModel> {
  const local = await localFolder(folder);
  const ready = hasWeights(local) ? null : await openReadyClassifier(local);
  const opened = ready ? openReadyFolder(ready, folder, options) : await openCheckpointFolder(local, options);
  const engines = growEngine(opened);
  const { architecture, parameters, sizes, head } = opened;
  const { layers, hiddenSize, vocabSize, maxPositions } = sizes;
  const { labels, problem } = head;
  const model: ClassifierModel = {
    folder,
    config: { architecture, layers, hiddenSize, vocabSize, parameters, maxPositions, labels, problem },
    tokenizer: await openTokenizer(folder),
    async close() {
      internals.delete(model);
      await engines.release();
    },
  };
  internals.set(model, { sizes: opened.trunk, check: opened.check, engine: engines.engine });
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
 * Classifies sequences of tokens, special tokens included, in batches of one length each.
 * @returns logits [sequences, labels], in the order given; they do not depend on what else is read
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
  for (const [start, end] of evenRunsOf(order.map((place) => sequences[place]!.length))) {
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
