import { copyFile, link, mkdtemp, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  type Adapter,
  type Checkpoint,
  type KeepFile,
  type Precision,
  planQuantizedFile,
  planUnpackedFile,
} from '@sonde/checkpoints';
import { LAYERWISE_THREADS, type WeighedGraph, type WeightSource } from '@sonde/networks';
import { encodeModel } from '@sonde/onnx';
import type { InferenceSession } from 'onnxruntime-node';
import { type HeldAs, requireMemory } from './memory.ts';
import { openSession, type Placement } from './providers.ts';

const OPSETS = { '': 23, 'com.microsoft': 1 };
const IR_VERSION = 10;

/**
 * Hard-links a weight file beside the graph; copies it only where a link cannot be made (another file system). A
 * checkpoint of the hub's cache is made of symbolic links: the file behind one is linked, for ONNX Runtime refuses them.
 */
export async function placeFile(path: string, target: string): Promise<void> {
  const file = await realpath(path);
  try {
    await link(file, target);
  } catch {
    await copyFile(file, target);
  }
}

/**
 * A folder for the graph, on the weights' own file system so that they can be linked into it: among the temporary
 * files, else beside the weights. Where both fail, the weights will be copied.
 */
async function folderFor(weights: string | undefined): Promise<string> {
  const file = weights === undefined ? undefined : await realpath(weights);
  for (const parent of file === undefined ? [] : [tmpdir(), dirname(file)]) {
    const folder = await mkdtemp(join(parent, 'sonde-model-')).catch(() => undefined);
    if (folder === undefined || file === undefined) continue;
    if ((await stat(folder)).dev === (await stat(file)).dev) return folder;
    await rm(folder, { recursive: true });
  }
  return mkdtemp(join(tmpdir(), 'sonde-model-'));
}

/** What weights a session has, and how they run. */
export interface ModelWeights {
  readonly checkpoint: Checkpoint;
  readonly adapter: Adapter | null;
  readonly precision: Precision;
  /** Keeps the file of quantised weights from one session to the next. */
  readonly keep?: KeepFile | undefined;
}

/** A session to be: its graph is built, its weights are not loaded. */
export interface PlannedSession {
  /** How many numbers the model's weights have. */
  readonly parameters: number;
  create(): Promise<InferenceSession>;
}

/**
 * Plans the session of a graph over its checkpoint's own weight files. ONNX Runtime wants external data in the graph's
 * folder, so both meet in a temporary one, where quantised weights are written too, or linked where they are kept. It is deleted again before the
 * session is given, for the files stay mapped; a system that cannot delete mapped files keeps it until it clears its
 * temporary files.
 * @throws UserError if the weights are not those that the graph needs
 */
export function planSession(
  { checkpoint, adapter, precision, keep }: ModelWeights,
  build: (source: WeightSource) => WeighedGraph,
  placement: Pick<Placement, 'provider' | 'threads'>,
): PlannedSession {
  const files = new Map<string, string>();
  const locate = (path: string): string => {
    const name = files.get(path) ?? `weights-${files.size}.safetensors`;
    files.set(path, name);
    return name;
  };
  const { dtype, compute } = precision;
  const plan = ({ quantization, layerwiseCasting }: HeldAs) => {
    const quantized = planQuantizedFile('quantized.bin', quantization, dtype);
    const unpacked = planUnpackedFile('unpacked.bin');
    const { folder, weights } = checkpoint;
    const source = { folder, weights, adapter, dtype, compute, layerwiseCasting, quantized, unpacked, locate };
    return { quantized, unpacked, ...build(source) };
  };
  const asked = plan(precision);
  const { graph, parameters, quantized, unpacked } = asked;
  const bytesAs = (held: HeldAs): number => {
    const planned = held === precision ? asked : plan(held);
    const { numbers, bytes } = planned.quantized.placed();
    const { stored, added } = planned;
    const inFloat32 = planned.parameters + added - numbers - stored.numbers;
    return bytes + stored.bytes + inFloat32 * Float32Array.BYTES_PER_ELEMENT;
  };
  const most = precision.layerwiseCasting ? LAYERWISE_THREADS : Infinity;
  const threads = Math.min(placement.threads, most);
  const create = async (): Promise<InferenceSession> => {
    if (placement.provider === 'cpu') requireMemory(checkpoint.folder, precision, bytesAs);
    const kept = quantized.placed().bytes > 0 ? await keep?.(quantized.content(), quantized.write) : null;
    const folder = await folderFor(files.keys().next().value);
    try {
      for (const [path, name] of files) await placeFile(path, join(folder, name));
      const quantizedAt = join(folder, quantized.location);
      await (kept ? placeFile(kept, quantizedAt) : quantized.write(quantizedAt));
      await unpacked.write(join(folder, unpacked.location));
      const path = join(folder, 'model.onnx');
      await writeFile(path, encodeModel({ irVersion: IR_VERSION, producerName: 'sonde', opsets: OPSETS, graph }));
      return await openSession(path, placement.provider, threads);
    } finally {
      await rm(folder, { recursive: true, force: true }).catch(() => undefined);
    }
  };
  return { parameters, create };
}
