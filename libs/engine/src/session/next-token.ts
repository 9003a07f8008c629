import {
  cacheFeeds,
  cacheSizes,
  changeFeeds,
  DRAW_OUT,
  drawFeeds,
  type Features,
  type Feeds,
  furthestOf,
  headRowFeeds,
  type LanguageModel,
  LOOP_OUT,
  loopFeeds,
  MAXIMUM_OUT,
  maskFeeds,
  maximumFeeds,
  NEXT_LOGITS,
  POOL_OUT,
  plainHead,
  poolFeeds,
  poolLayout,
  presentName,
  rotaryFeeder,
  runShape,
  tokenFeeds,
  tokenShapeFeeds,
} from '@sonde/networks';
import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import type { Engine, LoopRequest, RunRequest, RunResult } from '../engine.ts';
import { withHiddenSlots } from './hidden-slots.ts';
import type { Placement } from './providers.ts';
import { tensorsOf } from './tensors.ts';

/** Arrays for outputs that later runs may fill again. */
function spareArrays(): (name: string, size: number, inUse?: Float32Array) => Float32Array {
  const spare = new Map<string, Float32Array[]>();
  // Two of each are kept, so that a run's sums can be the next one's input.
  return (name, size, inUse) => {
    const known = spare.get(name)?.filter((array) => array.length === size) ?? [];
    const array = known.find((each) => each !== inUse) ?? new Float32Array(size);
    spare.set(name, [array, ...known.filter((each) => each !== array)].slice(0, 2));
    return array;
  };
}

/** Runs the graph of a language model. */
export async function createNextTokenEngine(
  session: InferenceSession,
  { trunk }: LanguageModel,
  features: Features,
  { provider, decoding, threads }: Placement,
): Promise<Engine> {
  const { Tensor } = await import('onnxruntime-node');
  const { sizes, tokenTypes } = trunk;
  const { vocabSize } = sizes;
  const caches = cacheSizes(sizes);
  const layout = poolLayout(sizes, features.sites);
  const rotary = rotaryFeeder(trunk.rotary, sizes.maxPositions);
  const reused = spareArrays();
  const f32 = (data: Float32Array, dims: readonly number[]): OrtTensor => new Tensor('float32', data, dims);

  /** What a run feeds and fetches, and how its result comes of that. */
  const prepare = (asked: RunRequest, loop: LoopRequest | null) => {
    const request = provider === 'cpu' ? asked : withHiddenSlots(asked, sizes);
    const { prompts, samples, tokens: T, pool, maximum: wantedMaximum } = request;
    const shape = runShape(sizes, {
      B: prompts,
      K: samples,
      T,
      P: request.promptCache?.length ?? 0,
      S: request.rowCache?.length ?? 0,
    });
    const { B, K, P, S } = shape;
    const rows = B * K;
    const Q = pool?.count ?? 0;
    const head = request.head ?? plainHead(new Int32Array(0));
    const pools = { rows, tokens: T, size: layout.size };
    const feeds: Feeds = {
      ...tokenFeeds(request, [rows, T], tokenTypes),
      ...rotary(furthestOf(request.positions) + 1 + (loop?.steps ?? 0)),
      ...tokenShapeFeeds(shape),
      ...cacheFeeds(sizes, shape, request),
      ...maskFeeds(request.mask, P + S + T),
      ...changeFeeds(sizes, features, request.changes),
      ...poolFeeds(pool, pools),
      ...(features.maximum ? maximumFeeds(wantedMaximum, pools) : {}),
      ...headRowFeeds(head.rows),
      ...drawFeeds(head, vocabSize, decoding === 'loop' ? null : threads),
      ...(decoding === 'loop' ? loopFeeds(sizes, features, layout.size, loop, loop?.prefill.tokens ?? 0) : {}),
    };

    const output = (name: string, size: number, inUse?: Float32Array): Float32Array =>
      request.reuse ? reused(name, size, inUse) : new Float32Array(size);
    const presents = (kind: string): Float32Array[] =>
      caches.map(({ heads, size }, cache) => output(`${kind}.${cache}`, request.last ? 0 : B * heads * K * T * size));
    const present = { keys: presents('key'), values: presents('value') };
    const pooled = output('pooled', rows * Q * layout.size, pool?.before);
    const maximum = features.maximum ? output('maximum', rows * layout.size, wantedMaximum?.before) : null;
    const tokens = new Int32Array(head.rows.length);
    const logprobs = new Float32Array(head.rows.length);
    const logits = request.logits ? new Float32Array(head.rows.length * vocabSize) : null;
    const fetches: Record<string, OrtTensor | null> = {
      [POOL_OUT]: f32(pooled, [rows, Q, layout.size]),
      [DRAW_OUT.token]: new Tensor('int32', tokens, [tokens.length]),
      [DRAW_OUT.logprob]: f32(logprobs, [logprobs.length]),
      [DRAW_OUT.pending]: null,
    };
    for (const [cache, { heads, size }] of request.last ? [] : caches.entries()) {
      const dims = [B, heads, K, T, size];
      fetches[presentName(cache, 'key')] = f32(present.keys[cache]!, dims);
      fetches[presentName(cache, 'value')] = f32(present.values[cache]!, dims);
    }
    if (maximum) fetches[MAXIMUM_OUT] = f32(maximum, [rows, layout.size]);
    if (logits) fetches[NEXT_LOGITS] = f32(logits, [head.rows.length, vocabSize]);

    const resultOf = (out: InferenceSession.OnnxValueMapType): RunResult => ({
      present: { length: T, keys: present.keys, values: present.values },
      pooled,
      maximum,
      tokens,
      logprobs,
      pending: Array.from((out[DRAW_OUT.pending] as OrtTensor).data as BigInt64Array, Number),
      logits,
    });
    return { feeds: tensorsOf(Tensor, feeds), fetches, resultOf };
  };

  const run: Engine['run'] = async (request) => {
    const { feeds, fetches, resultOf } = prepare(request, null);
    return resultOf(await session.run(feeds, fetches));
  };
  const loop: Engine['loop'] = async (request) => {
    const { feeds, fetches, resultOf } = prepare({ ...request.prefill, last: true }, request);
    const { maxima, ...others } = LOOP_OUT;
    for (const name of [...Object.values(others), ...(features.maximum ? [maxima] : [])]) fetches[name] = null;
    const out = await session.run(feeds, fetches);
    const numbers = (name: string): Float32Array => out[name]!.data as Float32Array;
    return {
      prefill: resultOf(out),
      steps: out[LOOP_OUT.token]!.dims[0]!,
      tokens: out[LOOP_OUT.token]!.data as Int32Array,
      logprobs: numbers(LOOP_OUT.logprob),
      undecided: numbers(LOOP_OUT.undecided),
      pooled: numbers(LOOP_OUT.sums),
      maximum: features.maximum ? numbers(maxima) : null,
    };
  };
  const release = (): Promise<void> => session.release();
  return { sizes, features, layout, branches: true, run, ...(decoding === 'loop' ? { loop } : {}), release };
}
