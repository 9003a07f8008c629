import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { byteLength, type DataFile, writeAt } from '@sonde/checkpoints';
import { encodeModel, type OnnxModel, type TensorValue } from '@sonde/onnx';
import type { InferenceSession } from 'onnxruntime-node';
import { openSession, type Provider } from '../session/providers.ts';
import { placeFile } from '../session/session.ts';

/** Initialisers smaller than this stay in the graph, where ONNX Runtime reads shapes and axes from them. */
const INLINE = 1024;
const ALIGNMENT = 64;
const OWN = 'inline.bin';

/** Writes large initialisers beside the graph, so that they are mapped and not held a second time. */
async function spill(folder: string, initializers: readonly TensorValue[]): Promise<TensorValue[]> {
  const file = await open(join(folder, OWN), 'w');
  try {
    let end = 0;
    const moved: TensorValue[] = [];
    for (const tensor of initializers) {
      const { raw, name, dataType, dims } = tensor;
      if (!raw || raw.length < INLINE) moved.push(tensor);
      else {
        const offset = Math.ceil(end / ALIGNMENT) * ALIGNMENT;
        await writeAt(file, raw, offset);
        end = offset + raw.length;
        moved.push({ name, dataType, dims, external: { location: OWN, offset, length: raw.length } });
      }
    }
    return moved;
  } finally {
    await file.close();
  }
}

/**
 * A session of a graph whose external data lie in the files given, and nowhere else. Graph and data meet in a temporary
 * folder, which is deleted before this returns, as in `../session/session.ts`.
 */
export async function sessionOf(
  model: OnnxModel,
  files: readonly DataFile[],
  provider: Provider,
  threads: number,
): Promise<InferenceSession> {
  const folder = await mkdtemp(join(tmpdir(), 'sonde-model-'));
  try {
    const names = new Map(files.map(({ location }, i) => [location, `data-${i}.bin`]));
    for (const { location, path } of files) await placeFile(path, join(folder, names.get(location)!));
    const initializers = (await spill(folder, model.graph.initializers)).map((tensor): TensorValue => {
      const { external } = tensor;
      if (!external || external.location === OWN) return tensor;
      const where = { location: names.get(external.location)!, offset: external.offset, length: byteLength(tensor) };
      return { ...tensor, external: where };
    });
    const path = join(folder, 'model.onnx');
    await writeFile(path, encodeModel({ ...model, graph: { ...model.graph, initializers } }));
    return await openSession(path, provider, threads);
  } finally {
    await rm(folder, { recursive: true, force: true }).catch(() => undefined);
  }
}
