import { createHash } from 'node:crypto';
import { UserError } from '@sonde/base';
import { type ClassifierModel, classify, openClassifier } from '@sonde/engine';
import type { ScorerContext } from '../define-scorer.ts';
import type { ScoreOutcome, Scorer } from '../scorer.ts';
import type { Config } from './config.ts';
import { mapLabels } from './labels.ts';
import { activate, usualActivation } from './probabilities.ts';
import { readTokenizerFacts, sequencer } from './sequences.ts';

/** Texts that are read before the next progress is told. */
const BATCH = 256;

/** Opens a classifier of the hub. @throws UserError if it cannot be read, or its labels are not those asked for */
export async function open(config: Config, { name, device, threads }: ScorerContext): Promise<Scorer> {
  const { digest, path } = config.model;
  const model = await openClassifier(path, { device, threads });
  try {
    const { attributes, places } = mapLabels(model.config.labels, config.labels ?? 'auto', name);
    const activation = config.activation ?? usualActivation(model.config);
    if (activation === 'softmax' && model.config.labels.length === 1) throw oneLabel(name, model.config.labels[0]!);
    const facts = await readTokenizerFacts(model);
    const cut = readCut(config, Math.min(facts.maxLength, model.config.maxPositions), facts, name);
    const labels = places.map((place, i) => `${model.config.labels[place]}=${attributes[i]}`);
    const settings = JSON.stringify([digest, labels, activation, cut.maxLength, cut.long, cut.overlap]);
    const sequencesOf = sequencer(model, facts, cut);
    return {
      identity: {
        kind: 'classifier',
        name,
        digest: createHash('sha256').update(settings).digest('hex'),
        model: digest,
        labels,
        activation,
        ...cut,
      },
      attributes,
      unbounded: activation === 'none',
      byLength: true,
      batchSize: BATCH,
      async score(texts) {
        const read = texts.map(sequencesOf);
        const scores = await scoresOf(
          model,
          read.flatMap(({ ids }) => ids),
          (logits) => {
            const all = activate(logits, activation);
            return places.map((place) => all[place]!);
          },
        );
        let at = 0;
        return read.map(({ ids, truncated }): ScoreOutcome => {
          if (ids.length === 0) return { outcome: 'empty' };
          const windows = scores.slice(at, at + ids.length);
          at += ids.length;
          return { outcome: truncated ? 'truncated' : 'ok', scores: pool(windows, cut.long === 'mean') };
        });
      },
      close: () => model.close(),
    };
  } catch (error) {
    await model.close();
    throw error;
  }
}

/** A softmax of one logit is 1 of every text: no score. */
function oneLabel(name: string, label: string): UserError {
  return new UserError(
    'scorer',
    `The classifier ${name} has one label, ${label}; the softmax of one label is 1 of every text.`,
    '`activation: sigmoid` makes its logit a score from 0 to 1, `activation: none` keeps it as it is.',
  );
}

/** How texts are cut. @throws UserError where it cannot be as asked */
function readCut(
  { max_length, long = 'truncate', overlap = 0 }: Config,
  most: number,
  { before, after }: { readonly before: readonly number[]; readonly after: readonly number[] },
  name: string,
) {
  const maxLength = max_length ?? most;
  const special = before.length + after.length;
  if (maxLength > most) {
    throw new UserError(
      'config',
      `\`max_length\` is ${maxLength}; the classifier ${name} reads at most ${most} tokens.`,
    );
  }
  if (maxLength - special <= overlap) {
    throw new UserError(
      'config',
      `\`max_length\` ${maxLength} leaves ${maxLength - special} tokens of a text beside ${special} special ones; \`overlap\` is ${overlap}.`,
      'Give a larger `max_length`, or a smaller `overlap`.',
    );
  }
  return { maxLength, long, overlap };
}

async function scoresOf(
  model: ClassifierModel,
  sequences: readonly (readonly number[])[],
  scoresOfLogits: (logits: readonly number[]) => readonly number[],
): Promise<(readonly number[])[]> {
  if (sequences.length === 0) return [];
  const width = model.config.labels.length;
  const logits = await classify(model, sequences);
  return sequences.map((_, row) => scoresOfLogits([...logits.subarray(row * width, (row + 1) * width)]));
}

/** The mean or the maximum over windows, of each attribute. */
function pool(windows: readonly (readonly number[])[], mean: boolean): readonly number[] {
  if (windows.length === 1) return windows[0]!;
  return windows[0]!.map((_, i) => {
    const column = windows.map((scores) => scores[i]!);
    return mean ? column.reduce((a, b) => a + b, 0) / column.length : column.reduce((a, b) => Math.max(a, b));
  });
}
