import { copyFile, link, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeModel } from '@sonde/onnx';
import type { InferenceSession } from 'onnxruntime-node';
import type { Adapter } from './adapter.ts';
import type { Decoder } from './architectures/architecture.ts';
import type { Checkpoint } from './checkpoint.ts';
import { decoderGraph, type GraphOptions } from './graph/decoder_graph.ts';

const OPSETS = { '': 23, 'com.microsoft': 1 };
const IR_VERSION = 10;

/** Hard-links a weight file beside the graph; copies it only where a link cannot be made (another file system). */
export async function placeFile(path: string, target: string): Promise<void> {
  try {
    await link(path, target);
  } catch {
    await copyFile(path, target);
  }
}

/**
 * Builds the session of a decoder over its checkpoint's own weight files. ONNX Runtime wants external data in the
 * graph's folder, so both meet in a temporary one. It is deleted again before this returns, for the files stay mapped;
 * a system that cannot delete mapped files keeps it until it clears its temporary files.
 * @returns the session, and how many numbers the model's weights have
 */
export async function createSession(
  checkpoint: Checkpoint,
  decoder: Decoder,
  adapter: Adapter | null,
  options: GraphOptions & { readonly threads: number },
): Promise<{ session: InferenceSession; parameters: number }> {
  const { InferenceSession: Session } = await import('onnxruntime-node');
  const files = new Map<string, string>();
  const locate = (path: string): string => {
    const name = files.get(path) ?? `weights-${files.size}.safetensors`;
    files.set(path, name);
    return name;
  };
  const source = { folder: checkpoint.folder, weights: checkpoint.weights, adapter, locate };
  const { graph, parameters } = decoderGraph(decoder, source, options);
  const folder = await mkdtemp(join(tmpdir(), 'sonde-model-'));
  try {
    for (const [path, name] of files) await placeFile(path, join(folder, name));
    const path = join(folder, 'model.onnx');
    await writeFile(path, encodeModel({ irVersion: IR_VERSION, producerName: 'sonde', opsets: OPSETS, graph }));
    const session = await Session.create(path, {
      executionProviders: ['cpu'],
      executionMode: 'sequential',
      intraOpNumThreads: options.threads,
      interOpNumThreads: 1,
      graphOptimizationLevel: 'all',
      logSeverityLevel: 3,
      // Shapes change from run to run; a memory plan would be kept for each.
      enableMemPattern: false,
    });
    return { session, parameters };
  } finally {
    await rm(folder, { recursive: true, force: true }).catch(() => undefined);
  }
}
