import {
  checkExternalData,
  type DataFile,
  type Fields,
  fieldsOf,
  findReady,
  type LocalFolder,
  readGraphFile,
} from '@sonde/checkpoints';
import type { OnnxModel } from '@sonde/onnx';

/** A folder's ready graph as it stands on disk, and the configuration beside it. */
export interface ReadReady {
  readonly found: NonNullable<Awaited<ReturnType<typeof findReady>>>;
  readonly path: string;
  readonly model: OnnxModel;
  readonly files: readonly DataFile[];
  readonly fields: Fields;
  /** The class that the configuration names, or `unknown`. */
  readonly architecture: string;
}

/** Reads the ready graph of a folder; null if it has none. @throws UserError where it cannot be read */
export async function readReady(folder: LocalFolder): Promise<ReadReady | null> {
  const found = await findReady(folder);
  if (!found) return null;
  const path = folder.where(found.file);
  const model = await readGraphFile(found);
  // Before anything that opens files by what the graph says.
  const files = await checkExternalData(path, model.graph);
  const fields = fieldsOf(found.config, `the configuration of ${folder.path}`);
  const named: unknown = Array.isArray(found.config.architectures) ? found.config.architectures[0] : undefined;
  return { found, path, model, files, fields, architecture: typeof named === 'string' ? named : 'unknown' };
}
