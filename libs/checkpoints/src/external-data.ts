import { realpath, stat } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, sep } from 'node:path';
import { UserError } from '@sonde/base';
import { ELEMENT_SIZES, type ExternalData, type Graph, type TensorValue } from '@sonde/onnx';

/** A file beside a graph that holds initialisers of it. */
export interface DataFile {
  /** As the graph names it, relative to its own folder. */
  readonly location: string;
  /** Where it really lies. */
  readonly path: string;
}

function inside(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

function tensorsOf(graph: Graph): { initializers: readonly TensorValue[]; inner: TensorValue[] } {
  const inner = graph.nodes.flatMap(({ attributes }) =>
    Object.values(attributes).flatMap((attribute): TensorValue[] => {
      if (attribute.kind === 'tensor') return [attribute.value];
      if (attribute.kind !== 'graph') return [];
      const deep = tensorsOf(attribute.value);
      return [...deep.initializers, ...deep.inner];
    }),
  );
  return { initializers: graph.initializers, inner };
}

/** Bytes of an initialiser, by its type and shape. */
export function byteLength({ name, dataType, dims }: TensorValue): number {
  if (dataType === 'string')
    throw new UserError('model', `Its initialiser "${name}" holds strings, which are not read here.`);
  const bytes = dims.reduce((product, size) => product * size, ELEMENT_SIZES[dataType]);
  if (dims.every((size) => size >= 0) && Number.isSafeInteger(bytes)) return bytes;
  throw new UserError('model', `Its initialiser "${name}" has an impossible shape: [${dims.join(', ')}].`);
}

/**
 * The real file behind a location that a graph names. It must lie in the graph's folder, or, where the graph itself is
 * a link (as in a hub's cache), in the folder where the graph really lies.
 */
async function resolve(graphPath: string, location: string): Promise<string> {
  const folder = dirname(graphPath);
  const refuse = (why: string): never => {
    throw new UserError(
      'model',
      `${graphPath} names external data in "${location}", ${why}; external data must lie in the graph's folder.`,
    );
  };
  if (location.includes('\0')) refuse('which is not a file name');
  if (isAbsolute(location) || /^[a-zA-Z]:/.test(location) || location.includes('\\'))
    refuse('which is not a path inside its folder');
  if (location.split('/').includes('..')) refuse('which leads out of its folder');
  const path = join(folder, location);
  const real = await realpath(path).catch(() => null);
  if (real === null)
    throw new UserError('model', `${graphPath} names external data in "${location}", which is not there.`);
  const folders = [await realpath(folder), dirname(await realpath(graphPath))];
  if (!folders.some((own) => inside(own, real))) refuse(`which is a link to ${real}`);
  if (!(await stat(real)).isFile()) refuse('which is not a file');
  return real;
}

/** The files of external data that a graph names, each once. */
export function externalLocations(graph: Graph): string[] {
  const named = tensorsOf(graph).initializers.flatMap(({ external }) => (external ? [external.location] : []));
  return [...new Set(named)].sort();
}

/**
 * Checks where a graph's external data lie before anything else opens them.
 * @returns the files, by location in sorted order
 * @throws UserError if a location leads out of the graph's folder or a range out of its file
 */
export async function checkExternalData(graphPath: string, graph: Graph): Promise<DataFile[]> {
  const { initializers, inner } = tensorsOf(graph);
  const misplaced = inner.find((tensor) => tensor.external);
  if (misplaced) {
    throw new UserError(
      'model',
      `${graphPath}: "${misplaced.name}" has external data inside a node, which is not read here.`,
    );
  }
  const files = new Map<string, { path: string; size: number }>();
  for (const tensor of initializers) {
    if (!tensor.external) continue;
    const { location, offset, length }: ExternalData = tensor.external;
    const path = files.get(location)?.path ?? (await resolve(graphPath, location));
    const size = files.get(location)?.size ?? (await stat(path)).size;
    files.set(location, { path, size });
    const bytes = byteLength(tensor);
    const fits = Number.isSafeInteger(offset) && offset >= 0 && offset + bytes <= size;
    if (!fits || (length !== 0 && length !== bytes)) {
      throw new UserError(
        'model',
        `${graphPath}: "${tensor.name}" [${tensor.dims.join(', ')}] needs ${bytes} bytes; the file says ${length} at ${offset} of "${location}", which has ${size}.`,
      );
    }
  }
  return [...files].sort(([a], [b]) => (a < b ? -1 : 1)).map(([location, { path }]) => ({ location, path }));
}
