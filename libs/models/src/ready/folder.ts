import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeModel, OnnxFormatError, type OnnxModel } from '@sonde/onnx';
import { ModelError } from '../errors.ts';
import { isRecord, readJsonIfThere } from '../json.ts';
import { checkExternalData } from './external.ts';

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

async function graphsIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((): string[] => []);
  return names.filter((name) => name.endsWith('.onnx')).sort();
}

async function findGraph(folder: string, named: unknown): Promise<string | null> {
  if (named !== undefined) {
    if (typeof named !== 'string' || !/^[\w.-]+$/.test(named)) {
      throw new ModelError(`${join(folder, GENAI)}: the decoder's filename is not a plain file name.`);
    }
    return named;
  }
  const [own, inner] = [await graphsIn(folder), await graphsIn(join(folder, SUBFOLDER))];
  const all = [...own, ...inner.map((name) => `${SUBFOLDER}/${name}`)];
  const usual = ['model.onnx', `${SUBFOLDER}/model.onnx`].find((name) => all.includes(name));
  if (usual) return usual;
  if (all.length > 1) {
    throw new ModelError(
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

/** Looks for a ready graph in a folder, in the hub's layout or onnxruntime-genai's; null if there is none. */
export async function findReady(folder: string): Promise<ReadyFolder | null> {
  const genai = (await readJsonIfThere(join(folder, GENAI))) ?? {};
  const model = isRecord(genai.model) ? genai.model : {};
  const decoder = isRecord(model.decoder) ? model.decoder : {};
  const file = await findGraph(folder, decoder.filename);
  if (file === null) return null;
  const found = await stat(join(folder, file)).catch(() => null);
  if (!found?.isFile()) throw new ModelError(`${join(folder, GENAI)} names the graph ${file}, which is not there.`);
  const own = await readJsonIfThere(join(folder, 'config.json'));
  if (!own && Object.keys(genai).length === 0) {
    throw new ModelError(`${folder} has a graph ${file}, but neither config.json nor ${GENAI}.`);
  }
  const generationConfig = (await readJsonIfThere(join(folder, 'generation_config.json'))) ?? {};
  return { folder, file, config: { ...translate(model, decoder), ...own }, generationConfig, decoder };
}

/** Reads the graph of a folder. @throws ModelError if it is not a graph that can be read */
export async function readGraphFile({ folder, file }: ReadyFolder): Promise<OnnxModel> {
  const path = join(folder, file);
  try {
    return decodeModel(await readFile(path));
  } catch (error) {
    if (error instanceof OnnxFormatError) throw new ModelError(`${path} cannot be read: ${error.message}`);
    throw error;
  }
}

/**
 * The files that loading a ready graph reads, sorted; null if the folder has no graph.
 * @throws ModelError if one is missing, or a file of external data lies elsewhere
 */
export async function listReadyFiles(folder: string): Promise<string[] | null> {
  const found = await findReady(folder);
  if (!found) return null;
  const there: string[] = [];
  for (const name of OPTIONAL) {
    if ((await stat(join(folder, name)).catch(() => null))?.isFile()) there.push(name);
    else if (name === 'tokenizer.json') throw new ModelError(`${folder} has no ${name}.`);
  }
  const { graph } = await readGraphFile(found);
  const data = await checkExternalData(join(folder, found.file), graph);
  const under = found.file.includes('/') ? `${SUBFOLDER}/` : '';
  return [...there, found.file, ...data.map(({ location }) => under + location)].sort();
}
