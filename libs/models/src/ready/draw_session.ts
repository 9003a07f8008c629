import { buildGraph, encodeModel } from '@sonde/onnx';
import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import type { HeadRequest } from '../engine.ts';
import { addDraw, TRIES } from '../graph/draw.ts';

export interface DrawnTokens {
  readonly tokens: Int32Array;
  readonly logprobs: Float32Array;
  readonly pending: readonly number[];
}

/** The same draw as inside our own graphs, over logits that another graph gave. */
export interface DrawSession {
  draw(logits: Float32Array, head: HeadRequest): Promise<DrawnTokens>;
  release(): Promise<void>;
}

function drawGraph(vocabSize: number): Uint8Array {
  const graph = buildGraph('draw');
  addDraw(graph, graph.input('logits', 'float32', ['R', vocabSize]), vocabSize);
  return encodeModel({
    irVersion: 10,
    producerName: 'sonde',
    opsets: { '': 23, 'com.microsoft': 1 },
    graph: graph.finish(),
  });
}

export async function openDrawSession(vocabSize: number, threads: number): Promise<DrawSession> {
  const { InferenceSession: Session, Tensor } = await import('onnxruntime-node');
  const session: InferenceSession = await Session.create(drawGraph(vocabSize), {
    executionProviders: ['cpu'],
    intraOpNumThreads: threads,
    logSeverityLevel: 3,
    enableMemPattern: false,
  });
  const scalar = (value: number): OrtTensor => new Tensor('float32', Float32Array.of(value), []);
  const bool = (value: boolean): OrtTensor => new Tensor('bool', Uint8Array.of(value ? 1 : 0), []);
  return {
    release: () => session.release(),
    async draw(logits, head) {
      const count = head.rows.length;
      const seen = head.penalty === 1 ? undefined : head.seen;
      const limited = head.topK > 0 && head.topK < vocabSize;
      const out = await session.run({
        logits: new Tensor('float32', logits, [count, vocabSize]),
        sample: bool(head.sample),
        adjust: bool(head.temperature !== 1 || limited || head.penalty !== 1),
        temperature: scalar(head.temperature),
        top_k: new Tensor('int64', BigInt64Array.of(BigInt(limited ? head.topK : vocabSize)), [1]),
        // Rounding must not refuse a draw where nothing is to be cut off.
        top_p: scalar(head.topP === 1 ? 2 : head.topP),
        repetition_penalty: scalar(head.penalty),
        seen: new Tensor('int64', seen?.data ?? new BigInt64Array(count), [count, seen?.width ?? 1]),
        uniforms: new Tensor('float32', head.uniforms ?? new Float32Array(count * TRIES), [count, TRIES]),
        forced: new Tensor('int32', head.forced ?? new Int32Array(count).fill(-1), [count]),
      });
      return {
        tokens: out.token!.data as Int32Array,
        logprobs: out.logprob!.data as Float32Array,
        pending: Array.from(out.pending_rows!.data as BigInt64Array, Number),
      };
    },
  };
}
