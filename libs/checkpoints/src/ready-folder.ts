import { join } from 'node:path';
import { isRecord, UserError } from '@sonde/base';
import { decodeModel, type OnnxModel } from '@sonde/onnx';
import { checkExternalData, externalLocations } from './external-data.ts';
import { type Folder, readJsonIn, requireFile, SUBFOLDER } from './folder.ts';

/** A folder with a ready decoder graph. */
export interface ReadyFolder {
  readonly folder: Folder;
  /** The graph's file, relative to the folder. */
  readonly file: string;
  /** config.json, with what a genai_config.json says under its names where config.json is silent. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly generationConfig: Readonly<Record<string, unknown>> | null;
  /** `model.decoder` of genai_config.json: the names of inputs and outputs. */
  readonly decoder: Readonly<Record<string, unknown>>;
}

const GENAI = 'genai_config.json';
const OPTIONAL = [
  'added_tokens.json',
  'chat_template.jinja',
  'config.json',
  'generation_config.json',
  GENAI,
  'special_tokens_map.json',
  'tokenizer.json',
  'tokenizer_config.json',
];

/**
 * The graph among a folder's names: the one that genai_config.json names, else model.onnx, else the only one; null if
 * there is none. @throws UserError
 */
function chooseGraph(folder: Folder, named: unknown): string | null {
  if (named !== undefined) {
    if (typeof named !== 'string' || !/^[\w.-]+$/.test(named)) {
      throw new UserError('model', `${folder.where(GENAI)}: the decoder's filename is not a plain file name.`);
    }
    return named;
  }
  const all = folder.names.filter((name) => /^(onnx\/)?[^/]+\.onnx$/.test(name)).sort();
  const usual = ['model.onnx', `${SUBFOLDER}/model.onnx`].find((name) => all.includes(name));
  if (usual) return usual;
  if (all.length > 1) {
    throw new UserError(
      'model',
      `${folder.label} has ${all.length} graphs (${all.join(', ')}) and none is named model.onnx; keep one of them.`,
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
export async function findReady(folder: Folder): Promise<ReadyFolder | null> {
  const genai = (await readJsonIn(folder, GENAI)) ?? {};
  const { model, decoder } = decoderOf(genai);
  const file = chooseGraph(folder, decoder.filename);
  if (file === null) return null;
  if (!folder.has(file)) {
    throw new UserError('model', `${folder.where(GENAI)} names the graph ${file}, which is not there.`);
  }
  const own = await readJsonIn(folder, 'config.json');
  if (!own && Object.keys(genai).length === 0) {
    throw new UserError('model', `${folder.label} has a graph ${file}, but neither config.json nor ${GENAI}.`);
  }
  const generationConfig = await readJsonIn(folder, 'generation_config.json');
  return { folder, file, config: { ...translate(model, decoder), ...own }, generationConfig, decoder };
}

/** Reads the graph of a folder. @throws UserError if it is not a graph that can be read */
export async function readGraphFile({ folder, file }: ReadyFolder): Promise<OnnxModel> {
  try {
    return decodeModel(await folder.read(file));
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError('model', `${folder.where(file)} cannot be read: ${error.message}`);
  }
}

/**
 * The files that loading a ready graph reads, sorted; null if the folder has no graph.
 * @throws UserError if one is missing, or a file of external data lies elsewhere
 */
export async function listReadyFiles(folder: Folder): Promise<string[] | null> {
  const found = await findReady(folder);
  if (!found) return null;
  requireFile(folder, 'tokenizer.json');
  const { graph } = await readGraphFile(found);
  // Only where the files are can links and lengths be looked at.
  if (folder.path !== null) await checkExternalData(join(folder.path, found.file), graph);
  const beside = found.file.includes('/') ? `${SUBFOLDER}/` : '';
  const data = externalLocations(graph).map((location) => beside + location);
  const missing = data.find((name) => !folder.has(name));
  if (missing !== undefined) {
    throw new UserError(
      'model',
      `${folder.label} is incomplete: ${found.file} names external data in ${missing}, which is not there.`,
    );
  }
  return [...OPTIONAL.filter((name) => folder.has(name)), found.file, ...data].sort();
}
