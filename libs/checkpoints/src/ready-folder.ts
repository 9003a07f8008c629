import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isRecord, UserError } from '@sonde/base';
import { decodeModel, type OnnxModel } from '@sonde/onnx';
import { checkExternalData, externalLocations } from './external-data.ts';
import { parseJson, readJsonIfThere } from './json.ts';
import type { RemoteFolder } from './remote-files.ts';

/** A folder with a ready decoder graph. */
export interface ReadyFolder {
  readonly folder: string;
  /** The graph's file, relative to the folder. */
  readonly file: string;
  /** config.json, with what a genai_config.json says under its names where config.json is silent. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly generationConfig: Readonly<Record<string, unknown>>;
  /** `model.decoder` of genai_config.json: the names of inputs and outputs. */
  readonly decoder: Readonly<Record<string, unknown>>;
}

const GENAI = 'genai_config.json';
const SUBFOLDER = 'onnx';
const OPTIONAL = [
  'chat_template.jinja',
  'config.json',
  'generation_config.json',
  GENAI,
  'tokenizer.json',
  'tokenizer_config.json',
];

async function namesIn(folder: string): Promise<string[]> {
  const list = (path: string): Promise<string[]> => readdir(path).catch((): string[] => []);
  const inner = (await list(join(folder, SUBFOLDER))).map((name) => `${SUBFOLDER}/${name}`);
  return [...(await list(folder)), ...inner];
}

/**
 * The graph among a folder's names: the one that genai_config.json names, else model.onnx, else the only one; null if
 * there is none. @throws UserError
 */
function chooseGraph(folder: string, names: readonly string[], named: unknown): string | null {
  if (named !== undefined) {
    if (typeof named !== 'string' || !/^[\w.-]+$/.test(named)) {
      throw new UserError('model', `${join(folder, GENAI)}: the decoder's filename is not a plain file name.`);
    }
    return named;
  }
  const all = names.filter((name) => /^(onnx\/)?[^/]+\.onnx$/.test(name)).sort();
  const usual = ['model.onnx', `${SUBFOLDER}/model.onnx`].find((name) => all.includes(name));
  if (usual) return usual;
  if (all.length > 1) {
    throw new UserError(
      'model',
      `${folder} has ${all.length} graphs (${all.join(', ')}) and none is named model.onnx; keep one of them.`,
    );
  }
  return all[0] ?? null;
}

/** What a genai_config.json says, under the names of config.json. */
function translate(model: Record<string, unknown>, decoder: Record<string, unknown>): Record<string, unknown> {
  const type = typeof model.type === 'string' ? { architectures: [model.type] } : {};
  const entries = Object.entries({
    bos_token_id: model.bos_token_id,
    eos_token_id: model.eos_token_id,
    vocab_size: model.vocab_size,
    max_position_embeddings: model.context_length,
    hidden_size: decoder.hidden_size,
    num_hidden_layers: decoder.num_hidden_layers,
    num_attention_heads: decoder.num_attention_heads,
    num_key_value_heads: decoder.num_key_value_heads,
    head_dim: decoder.head_size,
  });
  return { ...type, ...Object.fromEntries(entries.filter(([, value]) => value !== undefined && value !== null)) };
}

function decoderOf(genai: Record<string, unknown>): Record<'model' | 'decoder', Record<string, unknown>> {
  const model = isRecord(genai.model) ? genai.model : {};
  return { model, decoder: isRecord(model.decoder) ? model.decoder : {} };
}

/** Looks for a ready graph in a folder, in the hub's layout or onnxruntime-genai's; null if there is none. */
export async function findReady(folder: string): Promise<ReadyFolder | null> {
  const genai = (await readJsonIfThere(join(folder, GENAI))) ?? {};
  const { model, decoder } = decoderOf(genai);
  const file = chooseGraph(folder, await namesIn(folder), decoder.filename);
  if (file === null) return null;
  const found = await stat(join(folder, file)).catch(() => null);
  if (!found?.isFile())
    throw new UserError('model', `${join(folder, GENAI)} names the graph ${file}, which is not there.`);
  const own = await readJsonIfThere(join(folder, 'config.json'));
  if (!own && Object.keys(genai).length === 0) {
    throw new UserError('model', `${folder} has a graph ${file}, but neither config.json nor ${GENAI}.`);
  }
  const generationConfig = (await readJsonIfThere(join(folder, 'generation_config.json'))) ?? {};
  return { folder, file, config: { ...translate(model, decoder), ...own }, generationConfig, decoder };
}

/** Reads the graph of a folder. @throws UserError if it is not a graph that can be read */
export async function readGraphFile({ folder, file }: ReadyFolder): Promise<OnnxModel> {
  const path = join(folder, file);
  return decodeGraph(await readFile(path), path);
}

function decodeGraph(bytes: Uint8Array, where: string): OnnxModel {
  try {
    return decodeModel(bytes);
  } catch (error) {
    if (error instanceof UserError) throw new UserError('model', `${where} cannot be read: ${error.message}`);
    throw error;
  }
}

/**
 * The files that loading a ready graph reads, sorted; null if the folder has no graph.
 * @throws UserError if one is missing, or a file of external data lies elsewhere
 */
export async function listReadyFiles(folder: string): Promise<string[] | null> {
  const found = await findReady(folder);
  if (!found) return null;
  const there: string[] = [];
  for (const name of OPTIONAL) {
    if ((await stat(join(folder, name)).catch(() => null))?.isFile()) there.push(name);
    else if (name === 'tokenizer.json') throw new UserError('model', `${folder} has no ${name}.`);
  }
  const { graph } = await readGraphFile(found);
  const data = await checkExternalData(join(folder, found.file), graph);
  return [
    ...there,
    found.file,
    ...besideGraph(
      found.file,
      data.map(({ location }) => location),
    ),
  ].sort();
}

const besideGraph = (graph: string, locations: readonly string[]): string[] =>
  locations.map((location) => (graph.includes('/') ? `${SUBFOLDER}/${location}` : location));

/**
 * The same for a folder elsewhere, whose files can be read one by one.
 * @throws UserError if something is missing or the graph cannot be read
 */
export async function chooseReadyFiles({ label, names, read }: RemoteFolder): Promise<string[] | null> {
  const there = new Set(names);
  const json = async (name: string): Promise<Record<string, unknown>> =>
    there.has(name) ? parseJson(`${label}: ${name}`, Buffer.from(await read(name)).toString('utf8')) : {};
  const { decoder } = decoderOf(await json(GENAI));
  const file = chooseGraph(label, names, decoder.filename);
  if (file === null) return null;
  for (const name of [file, 'tokenizer.json']) {
    if (!there.has(name)) throw new UserError('model', `${label} has no ${name}.`);
  }
  const { graph } = decodeGraph(await read(file), `${label}: ${file}`);
  const data = besideGraph(file, externalLocations(graph));
  const missing = data.find((name) => !there.has(name));
  if (missing !== undefined) {
    throw new UserError(
      'model',
      `${label} is incomplete: ${file} names external data in ${missing}, which is not there.`,
    );
  }
  return [...OPTIONAL.filter((name) => there.has(name)), file, ...data].sort();
}
