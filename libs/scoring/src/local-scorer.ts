import { join } from 'node:path';
import { FORMAT, localScorerFiles, readLocalModel } from './local-files.ts';
import { textLogits } from './local-logits.ts';
import type { ScoreOutcome, Scorer } from './scorer.ts';
import { sigmoid } from './sigmoid.ts';

/** Paths of the files whose contents make the local scorer of a folder, in a fixed order; whether they are there or not. */
export function listScorerFiles(folder: string): string[] {
  return localScorerFiles().map((name) => join(folder, name));
}

/**
 * Opens a local scorer: a small network over hashed words and character n-grams (docs/embedded-scorer.md).
 * Its scores are multiples of 1e-6 and the same on every machine. A text without any token is `empty`, one of more than
 * the scorer's `max_units` UTF-16 units is `too_long`.
 * @param folder with config.json and the scorer's safetensors files
 * @param name what the user calls it
 * @throws UserError if a file is missing, damaged or of another format
 */
export async function openLocalScorer(folder: string, name: string = FORMAT): Promise<Scorer> {
  const model = await readLocalModel(folder);
  const logitsOf = textLogits(model);
  const outcomeOf = (text: string): ScoreOutcome => {
    if (text.length > model.maxUnits) {
      return { outcome: 'too_long', detail: `${text.length} UTF-16 units; at most ${model.maxUnits} are scored` };
    }
    const logits = logitsOf(text);
    return logits ? { outcome: 'ok', scores: scoresOf(logits) } : { outcome: 'empty' };
  };
  return {
    identity: { kind: FORMAT, name, digest: model.digest, attributes: model.attributes },
    attributes: model.attributes,
    score: (texts) => texts.map(outcomeOf),
  };
}

/** `Array.from` with a function takes longer than the network. */
function scoresOf(logits: Float64Array): number[] {
  const scores: number[] = [];
  for (let i = 0; i < logits.length; i++) scores.push(sigmoid(logits[i]!));
  return scores;
}
