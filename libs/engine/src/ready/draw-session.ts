import { addDraw, DRAW_OUT, drawFeeds, type HeadRequest } from '@sonde/networks';
import { buildGraph, encodeModel } from '@sonde/onnx';
import type { InferenceSession } from 'onnxruntime-node';
import { sessionOptions } from '../session/providers.ts';
import { tensorsOf } from '../session/tensors.ts';

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
  const session: InferenceSession = await Session.create(
    drawGraph(vocabSize),
    // The logits come from outside and their tokens go there: a device would gain nothing.
    sessionOptions('cpu', threads),
  );
  return {
    release: () => session.release(),
    async draw(logits, head) {
      const out = await session.run({
        logits: new Tensor('float32', logits, [head.rows.length, vocabSize]),
        ...tensorsOf(Tensor, drawFeeds(head, vocabSize, threads)),
      });
      return {
        tokens: out[DRAW_OUT.token]!.data as Int32Array,
        logprobs: out[DRAW_OUT.logprob]!.data as Float32Array,
        pending: Array.from(out[DRAW_OUT.pending]!.data as BigInt64Array, Number),
      };
    },
  };
}
