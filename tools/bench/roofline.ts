import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { sessionOptions } from '@sonde/engine';
import { buildGraph, encodeModel } from '@sonde/onnx';
import { openSafetensors } from '@sonde/tensors';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { rounded } from './command-line.ts';
import { makePrompts } from './generation.ts';
import { checkpoint, type MeasuredHere, measured, now, ownRun, SHAPES } from './peer.ts';

const USAGE = `Times the matrix products of weights alone that generation does, through the same runtime and with nothing
else, beside generation itself in the same run: how far it is from its products.
  --python PATH   a Python with torch and transformers: makes the checkpoints where there are none (required)
  --shapes LIST   ${SHAPES} (all)
  --prompts N     prompts of 8 to 24 tokens (8)
  --samples N     continuations a prompt (25)
  --tokens N      new tokens of each (20)
  --threads N     (2)
  --rounds N      rounds of both; the best counts (2)
`;

interface Work {
  readonly prompts: number;
  readonly samples: number;
  readonly tokens: number;
  readonly threads: number;
}

interface Product {
  readonly name: string;
  readonly shape: readonly [number, number];
  readonly offset: number;
  readonly length: number;
}

/** The weights that tokens are multiplied with in the blocks, and the output head's, which may be the embedding's. */
async function productsOf(folder: string): Promise<{ readonly blocks: Product[]; readonly head: Product[] }> {
  const { tensors } = await openSafetensors(path.join(folder, 'model.safetensors'));
  const all = [...tensors].flatMap(([name, { shape, offset, byteLength: length }]): Product[] =>
    shape.length === 2 ? [{ name, shape: [shape[0]!, shape[1]!], offset, length }] : [],
  );
  const named = (pattern: RegExp): Product[] => all.filter(({ name }) => pattern.test(name));
  const own = named(/^(lm_head|embed_out)\.weight$/);
  const head = own.length > 0 ? own : named(/(embed_tokens|embed_in|wte)\.weight$/);
  return { blocks: named(/\.\d+\./), head };
}

/** A session that multiplies rows by each of some weights [out, in], and gives no more than a number of each product. */
async function sessionOf(folder: string, name: string, products: readonly Product[], threads: number) {
  const graph = buildGraph('products');
  const widths = [...new Set(products.map(({ shape }) => shape[1]))];
  const inputs = new Map(widths.map((width) => [width, graph.input(`x.${width}`, 'float32', ['rows', width])]));
  const first = [graph.constant([0, 0]), graph.constant([1, 1])];
  for (const [i, { name: weight, shape, offset, length }] of products.entries()) {
    const value = graph.external(weight, 'float32', shape, { location: 'model.safetensors', offset, length });
    const product = graph.node('Gemm', [inputs.get(shape[1])!, value], { transB: 1 });
    graph.output(`product.${i}`, graph.node('Slice', [product, ...first]), 'float32', [1, 1]);
  }
  // External data has to lie in the graph's folder, which is the benchmark's own.
  const file = path.join(folder, `${name}.onnx`);
  const model = { irVersion: 10, producerName: 'sonde', opsets: { '': 23 }, graph: graph.finish() };
  await writeFile(file, encodeModel(model));
  const session = await InferenceSession.create(file, sessionOptions('cpu', threads));
  return async (rows: number): Promise<void> => {
    const feeds = widths.map((width) => {
      const data = Float32Array.from({ length: rows * width }, (_, i) => Math.sin(i));
      return [`x.${width}`, new Tensor('float32', data, [rows, width])] as const;
    });
    await session.run(Object.fromEntries(feeds));
  };
}

async function runProducts(folder: string, { prompts, samples, tokens, threads }: Work): Promise<MeasuredHere> {
  const { blocks, head } = await productsOf(folder);
  const runBlocks = await sessionOf(folder, 'blocks', blocks, threads);
  const runHead = await sessionOf(folder, 'head', head, threads);
  const lengths = makePrompts(prompts).map((text) => text.length);
  const rows = prompts * samples;
  await runBlocks(1);
  await runHead(1);
  const started = now();
  // Prompts once; a step for each token, the last of which is read for its states alone; a draw for each token.
  await runBlocks(lengths.reduce((sum, length) => sum + length));
  for (let token = 0; token < tokens; token++) {
    await runBlocks(rows);
    await runHead(rows);
  }
  return measured(started);
}

/** Runs the benchmark; prints one JSON object a shape. */
export async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      python: { type: 'string' },
      shapes: { type: 'string', default: SHAPES },
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
  const { prompts, samples, tokens, threads } = values;
  if (values.own !== undefined) {
    const work = { prompts: Number(prompts), samples: Number(samples), tokens: Number(tokens) };
    return console.log(JSON.stringify(await runProducts(values.own, { ...work, threads: Number(threads) })));
  }
  if (values.python === undefined) throw new Error('--python PATH is required: a Python with torch and transformers');
  const flags = ['--prompts', prompts, '--samples', samples, '--tokens', tokens, '--threads', threads];
  for (const shape of values.shapes.split(',')) {
    const folder = checkpoint(shape, values.python);
    const rounds = Array.from({ length: Number(values.rounds) }, () => ({
      generation: ownRun('generation', folder, flags),
      products: ownRun('roofline', folder, flags),
    }));
    const least = (of: 'generation' | 'products', what: 'seconds' | 'cpu_seconds'): number =>
      Math.min(...rounds.map((round) => round[of][what]));
    const shown = (of: 'generation' | 'products') => ({
      seconds: rounded(least(of, 'seconds')),
      cpu_seconds: rounded(least(of, 'cpu_seconds')),
    });
    console.log(
      JSON.stringify({
        benchmark: 'roofline',
        shape,
        continuations: Number(prompts) * Number(samples),
        generation: shown('generation'),
        products: shown('products'),
        times_products: rounded(least('generation', 'seconds') / least('products', 'seconds')),
        times_products_cpu: rounded(least('generation', 'cpu_seconds') / least('products', 'cpu_seconds')),
      }),
    );
  }
}
