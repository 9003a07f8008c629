import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { resolveEmbedded } from '@sonde/embedded';
import { randomStream } from '@sonde/numerics';
import { groupedFolds } from '@sonde/probing';
import { readTable, rows } from '@sonde/tables';
import { cli, rounded } from './command-line.ts';
import { checkpoint, type MeasuredHere } from './peer.ts';

const USAGE = `Times a whole experiment on random weights in Pythia-160m's shape, whose tokens are pairs of words: continuations with states
of all layers, scores by the embedded scorer, EMT, and probes of all layers in four scenarios for six attributes and length; by
the built command line, and by a script with transformers and scikit-learn. Then the script does the rest of Sonde's own
continuations, and results of the same layers are compared.
  --python PATH   a Python with torch, transformers, scikit-learn and safetensors (required)
  --shape NAME    pythia-14m or pythia-160m (pythia-160m)
  --prompts N     (100)
  --tokens N      new tokens of each of 25 continuations (20)
  --threads N     (2)
  --layers N      layers, evenly spaced, whose probes the script trains; its time for them is scaled up to all (3)
`;

const SAMPLES = 25;
const FOLDS = 4;
const ATTRIBUTES = ['TOXICITY', 'PROFANITY', 'THREAT', 'SEXUALLY_EXPLICIT', 'IDENTITY_ATTACK', 'INSULT'];
const PENALTIES = Array.from({ length: 12 }, (_, i) => 10 ** (i - 2));

const PIPELINE = `sonde: 1
name: experiment
params: { model: null, prompts_file: null, prompts: 100, tokens: 20 }
steps:
  sampled: { uses: prompts/sample, with: { source: "\${{ params.prompts_file }}", count: "\${{ params.prompts }}" } }
  prompt-scores:
    uses: text/score
    with: { scorer: embedded:toxicity, texts: "\${{ steps.sampled.outputs.prompts }}" }
  prompts:
    uses: table/join
    with:
      left: \${{ steps.sampled.outputs.prompts }}
      right: \${{ steps.prompt-scores.outputs.scores }}
      on: [prompt_id]
      conflicts: right
  continuations:
    uses: text/generate
    with:
      model: \${{ params.model }}
      prompts: \${{ steps.sampled.outputs.prompts }}
      num_return_sequences: ${SAMPLES}
      max_new_tokens: \${{ params.tokens }}
      top_p: 0.9
      capture: { layers: all, pool: [prompt, continuation] }
  scores:
    uses: text/score
    with: { scorer: embedded:toxicity, texts: "\${{ steps.continuations.outputs.continuations }}" }
  behavior:
    uses: behavior/summarize
    with: { scores: "\${{ steps.scores.outputs.scores }}", prompts: "\${{ steps.prompts.outputs.table }}" }
  probes:
    uses: probe/train
    with:
      states: \${{ steps.continuations.outputs.states }}
      prompts: \${{ steps.prompts.outputs.table }}
      scores: \${{ steps.scores.outputs.scores }}
      continuations: \${{ steps.continuations.outputs.continuations }}
      folds: ${FOLDS}
      scale: false
      penalties: ${JSON.stringify(PENALTIES)}
      control: { permutations: 0, task: false }
      baselines: []
outputs:
  prompts: \${{ steps.prompts.outputs.table }}
  continuations: \${{ steps.continuations.outputs.continuations }}
  behavior: \${{ steps.behavior.outputs.summary }}
  probes: \${{ steps.probes.outputs.scores }}
`;

const script = fileURLToPath(new URL('peer_experiment.py', import.meta.url));

function call(command: string, args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 28 });
  if (status !== 0) throw new Error(`${command} ${args[0]} ended with status ${status}\n${stderr.slice(-4000)}`);
  return stdout.trimEnd().split('\n').at(-1)!;
}

/** A command's seconds, the peak of memory of its largest process, and what it printed last. */
function timed(python: string, command: readonly string[]): MeasuredHere & { readonly printed: string } {
  return JSON.parse(call(python, [script, 'measure', ...command]));
}

/** What the script prints. */
interface Script extends Results {
  /** The probes' part of its time, and of the layers. */
  readonly probing: { readonly seconds: number; readonly cpu_seconds: number; readonly share: number };
}

/** What the script took, or had taken if it had probed all layers. */
function timedScript(python: string, args: readonly string[]): MeasuredHere {
  const { printed, seconds, cpu_seconds, peak_mb } = timed(python, [python, script, 'run', ...args]);
  const { probing } = JSON.parse(printed) as Script;
  const more = 1 / probing.share - 1;
  return {
    seconds: seconds + more * probing.seconds,
    cpu_seconds: cpu_seconds + more * probing.cpu_seconds,
    peak_mb,
  };
}

function embeddedTexts(): string[] {
  const lines = readFileSync(resolveEmbedded('parlour-prompts').path, 'utf8').trimEnd().split('\n');
  return lines.map((line) => (JSON.parse(line) as { prompt: { text: string } }).prompt.text.toLowerCase());
}

/** A checkpoint's weights with a tokenizer whose letters are read, one by one, and whose other tokens are pairs of words. */
function withWords(weights: string, folder: string, words: readonly string[]): void {
  mkdirSync(folder);
  const file = 'model.safetensors';
  try {
    linkSync(path.join(weights, file), path.join(folder, file));
  } catch {
    cpSync(path.join(weights, file), path.join(folder, file));
  }
  for (const name of ['config.json', 'tokenizer_config.json'])
    cpSync(path.join(weights, name), path.join(folder, name));
  // Without a token that ends a text.
  writeFileSync(path.join(folder, 'generation_config.json'), '{}');
  const tokenizer = JSON.parse(readFileSync(path.join(weights, 'tokenizer.json'), 'utf8'));
  const size = Object.keys(tokenizer.model.vocab).length;
  const read = [...'abcdefghijklmnopqrstuvwxyz '];
  const pairs = words.flatMap((one) => words.map((other) => `${one} ${other}`));
  const tokens = [...read, ...pairs].slice(0, size);
  if (tokens.length < size) throw new Error(`${words.length} words make too few pairs for ${size} tokens`);
  tokenizer.model.vocab = Object.fromEntries(tokens.map((token, id) => [token, id]));
  writeFileSync(path.join(folder, 'tokenizer.json'), JSON.stringify(tokenizer));
}

/** Distinct prompts of two to five words. */
function promptTexts(count: number, words: readonly string[]): string[] {
  const stream = randomStream(0, 'experiment');
  const texts = new Set<string>();
  while (texts.size < count) {
    texts.add(Array.from({ length: 2 + stream.below(4) }, () => words[stream.below(words.length)]!).join(' '));
  }
  return [...texts];
}

interface Results {
  /** By scenario, layer, target and fold; null where undefined. */
  readonly correlations: Readonly<Record<string, number | null>>;
  /** Of each attribute. */
  readonly emt: readonly number[];
}

/** Writes what the script reads of Sonde's results. @returns these results */
async function takeResults(results: string, work: string): Promise<Results> {
  const rowsOf = async (name: string) => [...rows(await readTable(path.join(results, `${name}.parquet`)))];
  const prompts = await rowsOf('prompts');
  const folds = groupedFolds(
    prompts.map(({ prompt_id }) => String(prompt_id)),
    FOLDS,
    0,
  );
  const described = prompts.map(({ prompt_id, text }, i) => ({ id: prompt_id, text, fold: folds[i] }));
  writeFileSync(path.join(work, 'prompts.json'), JSON.stringify(described));
  const continuations: Record<string, number[][]> = {};
  for (const { prompt_id, sample, token_ids } of await rowsOf('continuations')) {
    const own = continuations[String(prompt_id)] ?? [];
    own[Number(sample)] = Array.from(token_ids as ArrayLike<number | bigint>, Number);
    continuations[String(prompt_id)] = own;
  }
  writeFileSync(path.join(work, 'continuations.json'), JSON.stringify(continuations));
  const targets = [...ATTRIBUTES, 'length'];
  const probes = (await rowsOf('probes')).map(({ scenario, layer, target, fold, pearson }): [string, number | null] => [
    `${scenario} ${layer} ${targets.indexOf(String(target))} ${fold}`,
    pearson == null ? null : Number(pearson),
  ]);
  const summary = await rowsOf('behavior');
  const emtOf = (attribute: string): number =>
    Number(summary.find((row) => row.attribute === attribute && row.metric === 'emt' && row.group === 'all')!.value);
  return { correlations: Object.fromEntries(probes), emt: ATTRIBUTES.map(emtOf) };
}

/** How far two experiments' results are from each other. */
function compare(own: Results, peer: Results) {
  const differences = Object.entries(peer.correlations).map(([name, r]) => {
    const other = own.correlations[name] ?? null;
    return r === null || other === null ? Number.NaN : Math.abs(r - other);
  });
  const known = differences.filter(Number.isFinite);
  return {
    probes: differences.length,
    compared: known.length,
    largest_correlation_difference: Math.max(...known),
    within_1e_3: rounded(known.filter((difference) => difference <= 1e-3).length / known.length),
    largest_emt_difference: Math.max(...own.emt.map((emt, i) => Math.abs(emt - peer.emt[i]!))),
  };
}

/** Runs the benchmark; prints one JSON object. */
export async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      python: { type: 'string' },
      shape: { type: 'string', default: 'pythia-160m' },
      prompts: { type: 'string', default: '100' },
      tokens: { type: 'string', default: '20' },
      threads: { type: 'string', default: '2' },
      layers: { type: 'string', default: '3' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return console.log(USAGE);
  const { python, shape, prompts, tokens, threads, layers } = values;
  if (python === undefined) throw new Error('--python PATH is required: see --help');
  if (!existsSync(cli)) throw new Error('run `npm run build` first');
  const weights = checkpoint(shape, python);
  const work = mkdtempSync(path.join(tmpdir(), 'sonde-bench-'));
  try {
    const words = [...new Set(embeddedTexts().flatMap((text) => text.match(/[a-z]+/g) ?? []))].sort();
    const folder = path.join(work, 'model');
    withWords(weights, folder, words);
    const at = (name: string): string => path.join(work, name);
    const texts = promptTexts(Number(prompts), words);
    writeFileSync(at('prompts.jsonl'), texts.map((text) => `${JSON.stringify({ prompt: { text } })}\n`).join(''));
    writeFileSync(at('experiment.yaml'), PIPELINE);
    const settings = [
      `model=${folder}`,
      `prompts_file=${at('prompts.jsonl')}`,
      `prompts=${prompts}`,
      `tokens=${tokens}`,
    ];
    const sonde = timed(python, [
      process.execPath,
      ...[cli, 'run', at('experiment.yaml'), '--store', at('store'), '--out', at('results'), '--device', 'cpu'],
      ...settings.flatMap((each) => ['--set', each]),
    ]);
    const own = await takeResults(at('results'), work);
    const given = [folder, work, tokens, threads, layers];
    const peer = timedScript(python, given);
    const again = JSON.parse(call(python, [script, 'again', ...given])) as Script;
    const shown = ({ seconds, cpu_seconds, peak_mb }: MeasuredHere) => ({
      seconds: rounded(seconds),
      cpu_seconds: rounded(cpu_seconds),
      peak_mb: Math.round(peak_mb),
    });
    console.log(
      JSON.stringify({
        benchmark: 'experiment',
        shape,
        prompts: Number(prompts),
        continuations: Number(prompts) * SAMPLES,
        peer_layers: Number(layers),
        sonde: shown(sonde),
        peer: shown(peer),
        times_as_fast: rounded(peer.seconds / sonde.seconds),
        times_as_fast_cpu: rounded(peer.cpu_seconds / sonde.cpu_seconds),
        ...compare(own, again),
      }),
    );
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
