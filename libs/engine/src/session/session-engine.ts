import { type Decoder, editNames, type Features, poolLayout, rotaryTables, SITES, siteSize } from '@sonde/networks';
import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import type { Cache, Engine, HeadRequest, LoopRequest, RunRequest, RunResult } from '../engine.ts';
import type { Edit } from '../interventions.ts';
import { drawFeeds } from './draw-feeds.ts';
import { withHiddenSlots } from './hidden-slots.ts';
import { loopFeeds } from './loop-feeds.ts';
import type { Placement } from './providers.ts';
import { shapeFeeds } from './shape-feeds.ts';

const EMPTY = new Float32Array(0);

/** Wraps a session; the only place that knows the graph's input and output names. */
export async function createEngine(
  session: InferenceSession,
  decoder: Decoder,
  features: Features,
  { provider, decoding }: Placement,
): Promise<Engine> {
  const { Tensor } = await import('onnxruntime-node');
  const { sizes } = decoder;
  const { layers, heads, keyValueHeads, headSize, vocabSize } = sizes;
  const groups = heads / keyValueHeads;
  const layout = poolLayout(sizes, features.sites);
  const pooledSize = layout.size;
  let rotary: { positions: number; feeds: Record<string, OrtTensor> } | undefined;
  const spare = new Map<string, Float32Array[]>();

  const f32 = (data: Float32Array, dims: readonly number[]): OrtTensor => new Tensor('float32', data, dims);
  const i64 = (values: readonly number[]): OrtTensor =>
    new Tensor('int64', BigInt64Array.from(values, BigInt), [values.length]);

  /**
   * An array for an output: one that an earlier run filled where there is one of that size, other than `inUse`. Two of
   * each are kept, so that a run's sums can be the next one's input.
   */
  const reused = (name: string, size: number, inUse?: Float32Array): Float32Array => {
    const known = spare.get(name)?.filter((array) => array.length === size) ?? [];
    const array = known.find((each) => each !== inUse) ?? new Float32Array(size);
    spare.set(name, [array, ...known.filter((each) => each !== array)].slice(0, 2));
    return array;
  };

  /** Tables of cosines and sines that reach at least so far. */
  const rotaryFeeds = (positions: number): Record<string, OrtTensor> => {
    if (!rotary || rotary.positions < positions) {
      const count = Math.min(sizes.maxPositions, Math.max(256, 2 ** Math.ceil(Math.log2(positions))));
      const feeds = decoder.rotary.flatMap((spec, i): [string, OrtTensor][] => {
        const { cos, sin, pairs } = rotaryTables(spec, count);
        return [
          [`cos.${i}`, f32(cos, [count, pairs])],
          [`sin.${i}`, f32(sin, [count, pairs])],
        ];
      });
      rotary = { positions: count, feeds: Object.fromEntries(feeds) };
    }
    return rotary.feeds;
  };

  /** Every change that the graph can make, made or not. */
  const editFeeds = (edits: readonly Edit[]): [string, OrtTensor][] => {
    const made = new Map(edits.map((edit) => [editNames(edit).offset, edit]));
    return SITES.flatMap((site) =>
      Array.from({ length: features.edits[site] ?? 0 }, (_, stage) => stage).flatMap((stage) =>
        Array.from({ length: layers }, (_, block) => block).flatMap((block): [string, OrtTensor][] => {
          const names = editNames({ site, stage, block });
          const size = siteSize(sizes, site);
          const { keep, directions, offset } = made.get(names.offset) ?? {};
          const basis = directions && directions.length > 0 ? directions : new Float32Array(size);
          return [
            [names.keep, f32(keep ?? Float32Array.of(1), [keep?.length ?? 1, 1])],
            [names.directions, f32(basis, [basis.length / size, size])],
            [names.offset, f32(offset ?? new Float32Array(size), [(offset?.length ?? size) / size, size])],
          ];
        }),
      ),
    );
  };

  const noHead: HeadRequest = {
    rows: new Int32Array(0),
    sample: false,
    temperature: 1,
    topK: 0,
    topP: 1,
    penalty: 1,
  };

  const cacheFeeds = (prefix: string, cache: Cache | undefined, dims: readonly number[]): [string, OrtTensor][] =>
    Array.from({ length: layers }, (_, layer) => layer).flatMap((layer): [string, OrtTensor][] => [
      [`${prefix}.${layer}.key`, f32(cache?.keys[layer] ?? EMPTY, dims)],
      [`${prefix}.${layer}.value`, f32(cache?.values[layer] ?? EMPTY, dims)],
    ]);

  /** What a run feeds and fetches, and how its result comes of that. */
  const prepare = (asked: RunRequest, loop: LoopRequest | null) => {
    const request = provider === 'cpu' ? asked : withHiddenSlots(asked, sizes);
    const { prompts: B, samples: K, tokens: T } = request;
    const [H, G, D] = [keyValueHeads, groups, headSize];
    const P = request.promptCache?.length ?? 0;
    const S = request.rowCache?.length ?? 0;
    const rows = B * K;
    const Q = request.pool?.count ?? 0;
    let furthest = 0n;
    for (const position of request.positions) if (position > furthest) furthest = position;
    const head = request.head ?? noHead;
    const maskDims = [request.mask.dims[0], 1, 1, request.mask.dims[1], P + S + T];

    const feeds: Record<string, OrtTensor> = {
      input_ids: new Tensor('int32', request.inputIds, [rows * T]),
      position_ids: new Tensor('int64', request.positions, [rows, T]),
      ...rotaryFeeds(Number(furthest) + 1 + (loop?.steps ?? 0)),
      ...shapeFeeds(Tensor, { B, K, T, H, G, D, P }),
      ...(decoding === 'loop' ? loopFeeds(Tensor, sizes, features, pooledSize, loop) : {}),
      lengths: i64([P, S, T]),
      attention_mask: f32(request.mask.full, maskDims),
      attention_gates: f32(request.changes.gates.attention, [layers]),
      mlp_gates: f32(request.changes.gates.mlp, [layers]),
      pool_weights: f32(request.pool?.weights ?? EMPTY, [rows, Q, T]),
      pool_keep: f32(request.pool?.keep ?? new Float32Array(rows * Q), [rows, Q, 1]),
      pool_in: f32(request.pool?.before ?? new Float32Array(rows * Q * pooledSize), [rows, Q, pooledSize]),
      head_rows: new Tensor('int32', head.rows, [head.rows.length]),
      ...drawFeeds(Tensor, head, vocabSize),
      ...Object.fromEntries(editFeeds(request.changes.edits)),
      ...Object.fromEntries(cacheFeeds('prompt', request.promptCache, [B, H, P, D])),
      ...Object.fromEntries(cacheFeeds('past', request.rowCache, [B, H, K, S, D])),
    };
    if (request.mask.sliding) feeds.sliding_mask = f32(request.mask.sliding, maskDims);
    if (features.maximum) {
      feeds.maximum_bias = f32(request.maximum?.bias ?? new Float32Array(rows * T), [rows, T, 1]);
      const none = (): Float32Array => new Float32Array(rows * pooledSize).fill(Number.NEGATIVE_INFINITY);
      feeds.maximum_in = f32(request.maximum?.before ?? none(), [rows, pooledSize]);
    }

    const presentSize = request.last ? 0 : B * H * K * T * D;
    const presentDims = [B, H, K, T, D];
    const output = (name: string, size: number, inUse?: Float32Array): Float32Array =>
      request.reuse ? reused(name, size, inUse) : new Float32Array(size);
    const presents = (kind: string): Float32Array[] =>
      Array.from({ length: layers }, (_, layer) => output(`${kind}.${layer}`, presentSize));
    const present = { keys: presents('key'), values: presents('value') };
    const pooled = output('pooled', rows * Q * pooledSize, request.pool?.before);
    const maximum = features.maximum ? output('maximum', rows * pooledSize, request.maximum?.before) : null;
    const tokens = new Int32Array(head.rows.length);
    const logprobs = new Float32Array(head.rows.length);
    const logits = request.logits ? new Float32Array(head.rows.length * vocabSize) : null;
    const fetches: Record<string, OrtTensor | null> = {
      pool_out: f32(pooled, [rows, Q, pooledSize]),
      token: new Tensor('int32', tokens, [tokens.length]),
      logprob: f32(logprobs, [logprobs.length]),
      pending_rows: null,
    };
    for (let layer = 0; layer < layers && !request.last; layer++) {
      fetches[`present.${layer}.key`] = f32(present.keys[layer]!, presentDims);
      fetches[`present.${layer}.value`] = f32(present.values[layer]!, presentDims);
    }
    if (maximum) fetches.maximum_out = f32(maximum, [rows, pooledSize]);
    if (logits) fetches.logits = f32(logits, [head.rows.length, vocabSize]);

    const resultOf = (out: InferenceSession.OnnxValueMapType): RunResult => ({
      present: { length: T, keys: present.keys, values: present.values },
      pooled,
      maximum,
      tokens,
      logprobs,
      pending: Array.from((out.pending_rows as OrtTensor).data as BigInt64Array, Number),
      logits,
    });
    return { feeds, fetches, resultOf };
  };

  const run: Engine['run'] = async (request) => {
    const { feeds, fetches, resultOf } = prepare(request, null);
    return resultOf(await session.run(feeds, fetches));
  };
  const loop: Engine['loop'] = async (request) => {
    const { feeds, fetches, resultOf } = prepare({ ...request.prefill, last: true }, request);
    for (const name of ['token', 'logprob', 'undecided', 'pool_out']) fetches[`loop.${name}`] = null;
    if (features.maximum) fetches['loop.maximum_out'] = null;
    const out = await session.run(feeds, fetches);
    const numbers = (name: string): Float32Array => out[`loop.${name}`]!.data as Float32Array;
    return {
      prefill: resultOf(out),
      steps: out['loop.token']!.dims[0]!,
      tokens: out['loop.token']!.data as Int32Array,
      logprobs: numbers('logprob'),
      undecided: numbers('undecided'),
      pooled: numbers('pool_out'),
      maximum: features.maximum ? numbers('maximum_out') : null,
    };
  };
  const release = (): Promise<void> => session.release();
  return { sizes, features, layout, run, ...(decoding === 'loop' ? { loop } : {}), release };
}
