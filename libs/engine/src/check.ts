import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isRecord, UserError } from '@sonde/base';
import { checkPrecision, listModelFiles, localFolder, type Precision, readJson } from '@sonde/checkpoints';
import { generate } from './generate.ts';
import { internalsOf, openModel } from './model.ts';
import type { OpenOptions } from './types.ts';

/** What a checkpoint is, as far as its files say, and what it did when it was tried. */
export interface ModelReport extends Precision {
  readonly architecture: string;
  /** Blocks L; there are L + 1 layers of hidden states. */
  readonly layers: number;
  readonly hiddenSize: number;
  readonly vocabSize: number;
  /** Longest sequence, in tokens. */
  readonly context: number;
  readonly parameters: number;
  /** Numbers in the weights by how they are stored. */
  readonly dtypes: Readonly<Record<string, number>>;
  readonly files: readonly { readonly name: string; readonly size: number }[];
  /** All files together. */
  readonly bytes: number;
  readonly tokenizer: {
    /** BPE, Unigram, …: what tokenizer.json says. */
    readonly type: string;
    readonly chatTemplate: boolean;
    readonly bosToken: string | null;
    /** Tokens that end a continuation. */
    readonly eosTokenIds: readonly number[];
  };
  readonly selfCheck: {
    readonly prompt: string;
    /** Greedy. */
    readonly continuation: string;
    readonly promptTokens: number;
    readonly newTokens: number;
    /** Layers of hidden states that came out, all of them finite. */
    readonly layers: number;
    readonly seconds: number;
  };
}

const PROMPT = 'Once upon a time there was a';
const NEW_TOKENS = 5;

/**
 * Opens a checkpoint, describes it, and tries it: a few greedy tokens with the states of all layers.
 * @throws UserError if something is missing, not supported, or does not come out as it must
 */
export async function checkModel(folder: string, options: OpenOptions): Promise<ModelReport> {
  const names = await listModelFiles(await localFolder(folder));
  const files = await Promise.all(names.map(async (name) => ({ name, size: (await stat(join(folder, name))).size })));
  const kind = (await readJson(join(folder, 'tokenizer.json'), 'The tokenizer')).model;
  const model = await openModel(folder, options);
  try {
    const { config, tokenizer } = model;
    const began = performance.now();
    const prompt = { id: 'check', rendered: PROMPT, spanStart: 0, spanEnd: PROMPT.length };
    const { continuations, states } = await generate(model, [prompt], {
      max_new_tokens: NEW_TOKENS,
      do_sample: false,
      capture: { layers: 'all', pool: ['prompt', 'continuation'] },
    });
    const [continuation] = continuations;
    if (continuation === undefined || continuation.tokenIds.length === 0) {
      throw new UserError('model', `The model of ${folder} generated no token.`);
    }
    for (const [pool, tensor] of Object.entries(states?.residual?.pools ?? {})) {
      const expected = [1, config.layers + 1, config.hiddenSize];
      if (tensor.shape.join() !== expected.join()) {
        throw new UserError(
          'model',
          `The states of ${folder} (${pool}) have the shape ${tensor.shape}; expected ${expected}.`,
        );
      }
      const at = tensor.data.findIndex((value) => !Number.isFinite(value));
      if (at >= 0) {
        throw new UserError(
          'model',
          `The states of layer ${Math.floor(at / config.hiddenSize)} of ${folder} are not finite.`,
        );
      }
    }
    return {
      architecture: config.architecture,
      layers: config.layers,
      hiddenSize: config.hiddenSize,
      vocabSize: config.vocabSize,
      context: config.maxPositions,
      parameters: config.parameters,
      dtypes: internalsOf(model).dtypes,
      ...checkPrecision(options),
      files,
      bytes: files.reduce((sum, { size }) => sum + size, 0),
      tokenizer: {
        type: isRecord(kind) && typeof kind.type === 'string' ? kind.type : 'unknown',
        chatTemplate: tokenizer.hasChatTemplate,
        bosToken: tokenizer.bosToken,
        eosTokenIds: config.eosTokenIds,
      },
      selfCheck: {
        prompt: PROMPT,
        continuation: continuation.text,
        promptTokens: tokenizer.encode(PROMPT).length,
        newTokens: continuation.tokenIds.length,
        layers: config.layers + 1,
        seconds: Math.round(performance.now() - began) / 1000,
      },
    };
  } finally {
    await model.close();
  }
}
