import { buildGraph, encodeModel } from '@sonde/onnx';
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { ratesOfCard } from './cards.ts';
import { type Provider, sessionOptions } from './providers.ts';

/** How fast a machine computes here and now, beside what else it does. */
export interface MachineRates {
  /** A second, in products of many rows with weights: a multiplication and its addition are two. */
  readonly flops: number;
  /** Bytes of weights a second, in products of one row. */
  readonly traffic: number;
  /** How much longer JavaScript takes than on one core of a server of 2023. */
  readonly slowness: number;
}

/** Weights [WIDTH, WIDTH], more than caches hold, and rows of a long run. */
const WIDTH = 2048;
const ROWS = 256;
const ROUNDS = 5;
/** Seconds that `script` takes on one core of a server of 2023. */
const SCRIPT_SECONDS = 0.0165;

/** Measures a machine in less than a second: the medians of a few rounds. */
export async function measureRates(provider: Provider, threads: number): Promise<MachineRates> {
  const products = measureProducts(provider, threads).catch((error: unknown) => {
    if (provider === 'cpu') throw error;
    return ratesOfCard();
  });
  return { ...(await products), slowness: (await median(async () => script())) / SCRIPT_SECONDS };
}

async function measureProducts(provider: Provider, threads: number) {
  const { InferenceSession: Session, Tensor: TensorOf } = await import('onnxruntime-node');
  const session: InferenceSession = await Session.create(productModel(), sessionOptions(provider, threads));
  try {
    const seconds = (rows: number) => {
      const x: Tensor = new TensorOf('float32', new Float32Array(rows * WIDTH).fill(0.5), [rows, WIDTH]);
      return median(() => session.run({ x }));
    };
    const [many, one] = [await seconds(ROWS), await seconds(1)];
    return { flops: (2 * ROWS * WIDTH ** 2) / many, traffic: (4 * WIDTH ** 2) / one };
  } finally {
    await session.release();
  }
}

function productModel(): Uint8Array {
  const graph = buildGraph('rates');
  const x = graph.input('x', 'float32', ['rows', WIDTH]);
  const weights = graph.constant(new Float32Array(WIDTH ** 2).fill(0.01), [WIDTH, WIDTH]);
  const product = graph.node('MatMul', [x, weights]);
  // Little comes back: what is measured is the product.
  graph.output('y', graph.node('ReduceMax', [product], { keepdims: 0 }), 'float32', []);
  return encodeModel({ irVersion: 10, producerName: 'sonde', opsets: { '': 23 }, graph: graph.finish() });
}

/** Seconds of the middle round, after one that is not counted. */
async function median(round: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i <= ROUNDS; i++) {
    const started = performance.now();
    await round();
    times.push((performance.now() - started) / 1000);
  }
  return times.slice(1).sort((a, b) => a - b)[ROUNDS >> 1]!;
}

/** Some JavaScript of the kind that steps are made of: objects, texts, numbers. */
function script(): number {
  let sum = 0;
  for (let i = 0; i < 12_000; i++) {
    const row = JSON.parse(JSON.stringify({ id: `row ${i}`, text: 'some words of a text', score: i / 7 })) as {
      score: number;
    };
    sum += row.score;
  }
  return sum;
}
