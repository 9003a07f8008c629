import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { listModelFiles, localFolder } from '@sonde/checkpoints';
import { resolveEmbedded } from '@sonde/embedded';
import { forward, generate, type OpenOptions, openModel } from '@sonde/engine';
import { elementCount, openSafetensors } from '@sonde/tensors';
import { openTokenizer } from '@sonde/tokenizers';
import { rounded } from './command-line.ts';

const USAGE = `Measures a model in every precision: how far its last states are from those of the weights as they are
stored, how often it finds the same next token most probable, and with --load what loading and generating cost.
  --model FOLDER  a checkpoint of the hub's layout (the embedded parlour-base-large)
  --texts N       so many of the embedded prompts (64)
  --load          load and generate in a process for each precision, instead: seconds and resident memory
  --threads N     (2)
  --device NAME   cpu, cuda or webgpu (cpu)
`;

type Mode = Pick<OpenOptions, 'dtype' | 'quantization' | 'compute'>;

const MODES: Readonly<Record<string, Mode>> = {
  'as stored': {},
  float16: { dtype: 'float16' },
  bfloat16: { dtype: 'bfloat16' },
  int8: { quantization: 'int8' },
  nf4: { quantization: 'nf4' },
  int4: { quantization: 'int4' },
};

/** What a device can compute in beside float32. */
const NARROW: Readonly<Record<string, Readonly<Record<string, Mode>>>> = {
  cpu: {},
  cuda: { 'computed in float16': { compute: 'float16' }, 'computed in bfloat16': { compute: 'bfloat16' } },
  webgpu: { 'computed in float16': { compute: 'float16' } },
};

function modesOf(device: string): Readonly<Record<string, Mode>> {
  return { ...MODES, ...NARROW[device] };
}

/** Bytes that a weight of a block takes, its scales included; all else is float32. */
const BLOCK_BYTES: Readonly<Record<string, number>> = { nf4: 1 / 2 + 4 / 64, int8: 1 + 4 / 32, int4: 1 / 2 + 4 / 32 };

function megabytes(bytes: number): number {
  return Math.round(bytes / 1e5) / 10;
}

/** What the weights take as they run. */
async function weightBytes(folder: string, { quantization, compute }: Mode): Promise<number> {
  let bytes = 0;
  for (const name of (await listModelFiles(await localFolder(folder))).filter((file) =>
    file.endsWith('.safetensors'),
  )) {
    for (const [tensor, { shape }] of (await openSafetensors(path.join(folder, name))).tensors) {
      const inBlock = shape.length === 2 && /\.\d+\./.test(tensor);
      const ofBlock = quantization ? BLOCK_BYTES[quantization]! : compute ? 2 : 4;
      bytes += elementCount(shape) * (inBlock ? ofBlock : 4);
    }
  }
  return bytes;
}

interface Found {
  readonly states: Float32Array[];
  readonly best: number[];
}

/** The last layer's states of each text, and the most probable token after each of their tokens. */
async function runTexts(folder: string, options: OpenOptions, texts: readonly string[]): Promise<Found> {
  const model = await openModel(folder, options);
  const found: Found = { states: [], best: [] };
  const { vocabSize, hiddenSize } = model.config;
  for (const text of texts) {
    const { hiddenStates, logits } = await forward(model, model.tokenizer.encode(text));
    const tokens = logits.length / vocabSize;
    found.states.push(hiddenStates.slice(-tokens * hiddenSize));
    for (let t = 0; t < tokens; t++) {
      const row = logits.subarray(t * vocabSize, (t + 1) * vocabSize);
      found.best.push(row.indexOf(row.reduce((a, b) => Math.max(a, b))));
    }
  }
  await model.close();
  return found;
}

/** The length of the difference relative to that of the reference. */
function relativeError(found: Found, reference: Found): number {
  let [difference, length] = [0, 0];
  for (const [text, states] of reference.states.entries()) {
    for (const [i, value] of states.entries()) {
      difference += (found.states[text]![i]! - value) ** 2;
      length += value ** 2;
    }
  }
  return Math.sqrt(difference / length);
}

/** Resident memory now, and at its highest, in bytes. */
function memory(): { readonly now: number; readonly peak: number } {
  const status = readFileSync('/proc/self/status', 'utf8');
  const of = (name: string): number => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)![1]) * 1024;
  return { now: of('VmRSS'), peak: of('VmHWM') };
}

/** In a process of its own: what opening the model adds to a process that has read its tokenizer. */
async function loadOwn(folder: string, options: OpenOptions): Promise<Record<string, number>> {
  await openTokenizer(folder);
  await import('onnxruntime-node');
  const before = memory();
  const began = performance.now();
  const model = await openModel(folder, options);
  // The weights are loaded when the model first runs.
  await forward(model, [1]);
  const loaded = performance.now();
  const after = memory();
  const prompts = Array.from({ length: 8 }, (_, i) => `abcdefghijklmnop${String.fromCharCode(97 + i)}`);
  const items = prompts.map((text, i) => ({ id: String(i), rendered: text, spanStart: 0, spanEnd: text.length }));
  const { continuations } = await generate(model, items, {
    num_return_sequences: 25,
    max_new_tokens: 20,
    top_p: 0.9,
    capture: { layers: 'all', pool: ['prompt', 'continuation'] },
  });
  return {
    load_s: rounded((loaded - began) / 1000),
    resident_mb: megabytes(after.now - before.now),
    peak_mb: megabytes(after.peak - before.now),
    continuations_per_s: rounded(continuations.length / ((performance.now() - loaded) / 1000)),
  };
}

/** Runs the benchmark; prints one JSON object a precision. */
export async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      model: { type: 'string', default: resolveEmbedded('parlour-base-large').path },
      texts: { type: 'string', default: '64' },
      load: { type: 'boolean', default: false },
      own: { type: 'string' },
      threads: { type: 'string', default: '2' },
      device: { type: 'string', default: 'cpu' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return console.log(USAGE);
  const where = { threads: Number(values.threads), device: values.device };
  const modes = modesOf(values.device);
  if (values.own !== undefined) {
    return console.log(JSON.stringify(await loadOwn(values.model, { ...where, ...modes[values.own]! })));
  }
  const lines = (await readFile(resolveEmbedded('parlour-prompts').path, 'utf8')).split('\n');
  const texts = lines
    .slice(0, Number(values.texts))
    .map((line) => (JSON.parse(line) as { prompt: { text: string } }).prompt.text);
  const reference = values.load ? undefined : await runTexts(values.model, where, texts);
  for (const [mode, options] of Object.entries(modes)) {
    const about = {
      benchmark: 'precision',
      model: path.basename(values.model),
      precision: mode,
      device: values.device,
      weights_mb: megabytes(await weightBytes(values.model, options)),
    };
    if (reference === undefined) {
      const main = fileURLToPath(new URL('main.ts', import.meta.url));
      const own = ['--model', values.model, '--threads', values.threads, '--device', values.device];
      const flags = ['precision', '--own', mode, ...own];
      const { stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', main, ...flags], {
        encoding: 'utf8',
        // As the command line sets it for workers.
        env: { ...process.env, MALLOC_MMAP_THRESHOLD_: String(2 ** 20) },
      });
      if (stdout === '') throw new Error(stderr.slice(-2000));
      console.log(JSON.stringify({ ...about, ...JSON.parse(stdout) }));
      continue;
    }
    const found = await runTexts(values.model, { ...where, ...options }, texts);
    const same = found.best.filter((token, i) => token === reference.best[i]).length;
    console.log(
      JSON.stringify({
        ...about,
        relative_error: Number(relativeError(found, reference).toPrecision(2)),
        same_next_token: rounded(same / found.best.length),
      }),
    );
  }
}
