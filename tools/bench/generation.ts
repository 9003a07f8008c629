import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { generate, openModel } from '@sonde/models';
import { randomStream } from '@sonde/statistics';
import { rounded } from './command-line.ts';

const USAGE = `Times generation with pooled states of all layers against transformers, on random weights in known shapes.
  --python PATH   a Python with torch and transformers: makes the checkpoints and runs the peer (required)
  --shapes LIST   pythia-14m,pythia-160m,smollm2-135m (all)
  --prompts N     prompts of 8 to 24 tokens (8)
  --samples N     continuations a prompt (25)
  --tokens N      new tokens of each (20)
  --threads N     (2)
  --rounds N      rounds of both; the best counts (2)
`;

interface Work {
  readonly prompts: readonly string[];
  readonly samples: number;
  readonly tokens: number;
  readonly threads: number;
}

interface Measured {
  readonly seconds: number;
  readonly peak_mb: number;
}

const cache = fileURLToPath(new URL('../../node_modules/.cache/sonde-bench', import.meta.url));
const peer = fileURLToPath(new URL('generation_transformers.py', import.meta.url));

const call = (command: string, args: readonly string[]): string => {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 26 });
  if (status !== 0) throw new Error(`${command} ${args[0]} ended with status ${status}\n${stderr.slice(-2000)}`);
  return stdout;
};

const checkpoint = (shape: string, python: string): string => {
  const folder = path.join(cache, shape);
  if (!existsSync(path.join(folder, 'tokenizer_config.json'))) {
    mkdirSync(folder, { recursive: true });
    call(python, [peer, 'make', shape, folder]);
  }
  return folder;
};

const makePrompts = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => {
    const stream = randomStream(0, `prompt/${i}`);
    return Array.from({ length: 8 + stream.below(17) }, () => String.fromCharCode(97 + stream.below(26))).join('');
  });

/** In a process of its own, so that its peak of resident memory is this work's. */
const runOwn = async (folder: string, { prompts, samples, tokens, threads }: Work): Promise<Measured> => {
  const model = await openModel(folder, { device: 'cpu', threads });
  const items = prompts.map((text, i) => ({ id: String(i), rendered: text, spanStart: 0, spanEnd: text.length }));
  const started = performance.now();
  const { continuations } = await generate(model, items, {
    num_return_sequences: samples,
    max_new_tokens: tokens,
    top_p: 0.9,
    capture: { layers: 'all', pool: ['prompt', 'continuation'] },
  });
  const seconds = (performance.now() - started) / 1000;
  await model.close();
  if (continuations.length !== prompts.length * samples) throw new Error('continuations are missing');
  return { seconds, peak_mb: process.resourceUsage().maxRSS / 1024 };
};

const best = (runs: readonly Measured[]): Measured => runs.reduce((a, b) => (a.seconds <= b.seconds ? a : b));

/** Runs the benchmark; prints one JSON object a shape. */
export async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      python: { type: 'string' },
      shapes: { type: 'string', default: 'pythia-14m,pythia-160m,smollm2-135m' },
      prompts: { type: 'string', default: '8' },
      samples: { type: 'string', default: '25' },
      tokens: { type: 'string', default: '20' },
      threads: { type: 'string', default: '2' },
      rounds: { type: 'string', default: '2' },
      own: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return console.log(USAGE);
  const work: Work = {
    prompts: makePrompts(Number(values.prompts)),
    samples: Number(values.samples),
    tokens: Number(values.tokens),
    threads: Number(values.threads),
  };
  if (values.own !== undefined) return console.log(JSON.stringify(await runOwn(values.own, work)));
  if (values.python === undefined) throw new Error('--python PATH is required: a Python with torch and transformers');
  const { python } = values;
  for (const shape of values.shapes.split(',')) {
    const folder = checkpoint(shape, python);
    const own: Measured[] = [];
    const theirs: Measured[] = [];
    const flags = [
      '--prompts',
      values.prompts,
      '--samples',
      values.samples,
      '--tokens',
      values.tokens,
      '--threads',
      values.threads,
    ];
    for (let round = 0; round < Number(values.rounds); round++) {
      const self = [
        '--import',
        'tsx',
        fileURLToPath(new URL('main.ts', import.meta.url)),
        'generation',
        '--own',
        folder,
        ...flags,
      ];
      own.push(JSON.parse(call(process.execPath, self)) as Measured);
      const peerArgs = [
        peer,
        'run',
        folder,
        JSON.stringify(work.prompts),
        values.samples,
        values.tokens,
        values.threads,
      ];
      theirs.push(JSON.parse(call(python, peerArgs)) as Measured);
    }
    const [ours, other] = [best(own), best(theirs)];
    const total = work.prompts.length * work.samples;
    console.log(
      JSON.stringify({
        benchmark: 'generation',
        shape,
        continuations: total,
        sonde: {
          seconds: rounded(ours.seconds),
          per_second: rounded(total / ours.seconds),
          peak_mb: Math.round(ours.peak_mb),
        },
        transformers: {
          seconds: rounded(other.seconds),
          per_second: rounded(total / other.seconds),
          peak_mb: Math.round(other.peak_mb),
        },
        times_faster: rounded(other.seconds / ours.seconds),
        memory_ratio: rounded(ours.peak_mb / other.peak_mb),
      }),
    );
  }
}
