import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { isRecord, UserError } from '@sonde/base';
import { QUANTIZATIONS, type Quantization } from '@sonde/checkpoints';
import { checkModel, forward, generate, type OpenOptions, openModel } from '@sonde/engine';
import { keepQuantized } from '@sonde/steps';
import { rounded } from './command-line.ts';
import { measured, now } from './peer.ts';
import { writeRandomCheckpoint } from './random-checkpoint.ts';

const USAGE = `Loads random weights in the shape of Llama-2-7B, quantised, twice: into an empty store, and from it; or cast layer
by layer, twice. The first process then checks the model, the second generates with the states of all layers. Prints seconds, and what is resident at most.
  --folder PATH   where checkpoint (13.5 GB, made if it is not there) and store lie (node_modules/.cache/sonde-bench/large)
  --blocks N      (32)
  --modes LIST    nf4, int4, int8, layerwise, or none: all weights in float32 (nf4,int4,layerwise,none)
  --prompts N     (4)
  --samples N     (5)
  --tokens N      (10)
  --threads N     (2)
`;

const cache = fileURLToPath(new URL('../../node_modules/.cache/sonde-bench/large', import.meta.url));
const program = fileURLToPath(new URL('main.ts', import.meta.url));

const OPTIONS = {
  folder: { type: 'string', default: cache },
  blocks: { type: 'string', default: '32' },
  modes: { type: 'string', default: 'nf4,int4,layerwise,none' },
  prompts: { type: 'string', default: '4' },
  samples: { type: 'string', default: '5' },
  tokens: { type: 'string', default: '10' },
  threads: { type: 'string', default: '2' },
  /** In a process of its own: what follows the loading. */
  own: { type: 'string' },
  help: { type: 'boolean', default: false },
} as const;

type Values = { readonly [Name in Exclude<keyof typeof OPTIONS, 'own' | 'help'>]: string };

const modelIn = (folder: string): string => path.join(folder, 'checkpoint');
const storeIn = (folder: string): string => path.join(folder, 'store');

/** Loads the model and uses it. */
async function runOwn(values: Values, use: string): Promise<Record<string, number>> {
  const folder = modelIn(values.folder);
  const asked = QUANTIZATIONS.find((name): name is Quantization => name === values.modes);
  const log = (_: string, message: string): void => console.error(message);
  const task = {
    memory: { store: storeIn(values.folder), refresh: false },
    log,
    signal: new AbortController().signal,
  };
  const options: OpenOptions = {
    device: 'cpu',
    threads: Number(values.threads),
    ...(asked && { quantization: asked }),
    ...(values.modes === 'layerwise' && { layerwiseCasting: true }),
    keepQuantized: keepQuantized(() => task, { digest: `sha256:${'0'.repeat(64)}` }),
  };
  const started = now();
  const model = await openModel(folder, options);
  await forward(model, [1]);
  const loaded = measured(started);
  const begun = now();
  if (use === 'check') {
    await model.close();
    await checkModel(folder, options);
  } else {
    const prompts = Array.from({ length: Number(values.prompts) }, (_, i) => {
      const rendered = `Once upon a time there was a ${'very '.repeat(i)}old baker`;
      return { id: String(i), rendered, spanStart: 0, spanEnd: rendered.length };
    });
    await generate(model, prompts, {
      num_return_sequences: Number(values.samples),
      max_new_tokens: Number(values.tokens),
      top_p: 0.9,
      capture: { layers: 'all', pool: ['prompt', 'continuation'] },
    });
    await model.close();
  }
  const used = measured(begun);
  return {
    load_s: rounded(loaded.seconds),
    load_cpu_s: rounded(loaded.cpu_seconds),
    load_peak_mb: Math.round(loaded.peak_mb),
    [`${use}_s`]: rounded(used.seconds),
    peak_mb: Math.round(used.peak_mb),
  };
}

/** The same in a process of its own; an error in words where the model is refused. */
function inOwnProcess(values: Values, mode: string, use: string): unknown {
  const flags = Object.entries({ ...values, modes: mode, own: use }).flatMap(([name, value]) => [`--${name}`, value]);
  const { stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', program, 'large', ...flags], {
    encoding: 'utf8',
    // As the command line sets it for workers.
    env: { ...process.env, MALLOC_MMAP_THRESHOLD_: String(2 ** 20) },
  });
  if (stdout === '') throw new Error(stderr.slice(-2000));
  return JSON.parse(stdout);
}

/** Runs the benchmark; prints one JSON object a quantisation. */
export async function main(args: string[]): Promise<void> {
  const { own, help, ...values } = parseArgs({ args, options: OPTIONS }).values;
  if (help) return console.log(USAGE);
  if (own !== undefined) {
    const result = await runOwn(values, own).catch((error: unknown) => {
      if (!(error instanceof UserError)) throw error;
      return { refused: error.message, hint: error.hint };
    });
    return console.log(JSON.stringify(result));
  }
  const { folder, blocks } = values;
  mkdirSync(folder, { recursive: true });
  if (!existsSync(path.join(modelIn(folder), 'tokenizer_config.json'))) {
    await writeRandomCheckpoint(modelIn(folder), Number(blocks), 'llama-2-7b');
  }
  for (const mode of values.modes.split(',')) {
    rmSync(storeIn(folder), { recursive: true, force: true });
    const first = inOwnProcess(values, mode, 'check');
    const refused = isRecord(first) && 'refused' in first;
    const second = refused ? undefined : inOwnProcess(values, mode, 'generate');
    console.log(JSON.stringify({ benchmark: 'large', mode, ...(refused ? first : { first, second }) }));
  }
  rmSync(storeIn(folder), { recursive: true, force: true });
}
