import { isRecord, UserError } from '@sonde/base';
import type { DataType, Graph, ValueInfo } from '@sonde/onnx';

/** How one block's keys and values come and go: as two tensors [B, H, P, D], or as one [2, B, H, P, D]. */
export interface PastLayer {
  readonly stacked: boolean;
  /** Key and value, or the one tensor. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly dataType: DataType;
}

/** What the inputs and outputs of a ready decoder graph mean. */
export interface ReadyInterface {
  readonly inputIds: ValueInfo;
  readonly attentionMask: ValueInfo | null;
  readonly positionIds: ValueInfo | null;
  /** How many logits are wanted, counted from the end: 0 for all. */
  readonly keepLogits: ValueInfo | null;
  /** One for each block; empty if the graph keeps no cache. */
  readonly past: readonly PastLayer[];
  readonly keyValueHeads: number;
  readonly headSize: number;
  readonly logits: ValueInfo;
}

/** Names that a genai_config.json gives; those of the hub's exporters where it gives none. */
type Names = Readonly<Record<string, unknown>>;

interface CacheName {
  readonly block: number;
  readonly part: 'key' | 'value' | 'both';
}

const CACHE_NAME = /^(?:past|present)(?:_key_values)?(?:[._](key|value))?[._](\d{1,6})(?:[._](key|value))?$/;

function byFormats(name: string, names: Names, kind: 'past' | 'present'): CacheName | null {
  for (const part of ['key', 'value', 'both'] as const) {
    const format = names[part === 'both' ? `${kind}_names` : `${kind}_${part}_names`];
    if (typeof format !== 'string' || !format.includes('%d')) continue;
    const [before = '', after = ''] = format.split('%d');
    const digits = name.slice(before.length, name.length - after.length);
    if (name.startsWith(before) && name.endsWith(after) && /^\d{1,6}$/.test(digits)) {
      return { block: Number(digits), part };
    }
  }
  return null;
}

function cacheName(name: string, names: Names, kind: 'past' | 'present'): CacheName | null {
  const given = byFormats(name, names, kind);
  if (given) return given;
  const match = name.startsWith(kind) ? CACHE_NAME.exec(name) : null;
  if (!match) return null;
  return { block: Number(match[2]), part: (match[1] ?? match[3] ?? 'both') as CacheName['part'] };
}

function readCaches(values: readonly ValueInfo[], names: Names, kind: 'past' | 'present'): Map<string, ValueInfo> {
  const found = new Map<string, ValueInfo>();
  for (const value of values) {
    const name = cacheName(value.name, names, kind);
    if (name) found.set(`${name.block} ${name.part}`, value);
  }
  return found;
}

function readPast(graph: Graph, inputs: readonly ValueInfo[], reads: Names, gives: Names): PastLayer[] {
  const past = readCaches(inputs, reads, 'past');
  const present = readCaches(graph.outputs, gives, 'present');
  const stacked = past.has('0 both');
  const layers = past.size / (stacked ? 1 : 2);
  return Array.from({ length: layers }, (_, block) => {
    const parts = stacked ? ['both'] : ['key', 'value'];
    const [ins, outs] = [past, present].map((of) => parts.map((part) => of.get(`${block} ${part}`)));
    const missing = parts.find((_, i) => !ins![i] || !outs![i]);
    if (missing) {
      const list = [...past.values(), ...present.values()].map(({ name }) => name).join(', ');
      throw new UserError('model', `Its cache is not a past and a present for each of ${layers} blocks: ${list}.`);
    }
    return {
      stacked,
      inputs: ins!.map((value) => value!.name),
      outputs: outs!.map((value) => value!.name),
      dataType: ins![0]!.dataType,
    };
  });
}

function readLogits(graph: Graph, gives: Names): ValueInfo {
  const name = typeof gives.logits === 'string' ? gives.logits : 'logits';
  const found = graph.outputs.find((output) => output.name === name);
  if (found) return found;
  const list = graph.outputs.map((output) => output.name).join(', ');
  throw new UserError(
    'model',
    `It has no output "${name}", so it is not a decoder with its head; its outputs are ${list}.`,
  );
}

function sizeOf(past: ValueInfo | undefined, axisFromEnd: number, otherwise: unknown, what: string): number {
  const dim = past?.dims?.at(-axisFromEnd);
  const size = typeof dim === 'number' && dim > 0 ? dim : otherwise;
  if (Number.isSafeInteger(size) && Number(size) > 0) return Number(size);
  throw new UserError('model', `Neither the shape of its past nor its configuration says ${what}.`);
}

/**
 * Reads what the inputs and outputs of a decoder graph mean.
 * @param genai `model.decoder` of a genai_config.json, or empty
 * @param config num_key_value_heads and head_dim, where the shapes do not say them
 * @throws UserError if there are no logits, or an input of unknown meaning
 */
export function readInterface(
  graph: Graph,
  genai: Readonly<Record<string, unknown>>,
  config: Readonly<Record<string, unknown>>,
): ReadyInterface {
  const [reads, gives]: Names[] = [genai.inputs, genai.outputs].map((names) => (isRecord(names) ? names : {}));
  const constants = new Set(graph.initializers.map(({ name }) => name));
  const inputs = graph.inputs.filter(({ name }) => !constants.has(name));
  const take = (name: string): ValueInfo | null => {
    const wanted = reads![name] ?? name;
    return inputs.find((input) => input.name === wanted) ?? null;
  };
  const [inputIds, attentionMask, positionIds] = ['input_ids', 'attention_mask', 'position_ids'].map(take);
  const keepLogits = take('num_logits_to_keep') ?? take('logits_to_keep');
  const logits = readLogits(graph, gives!);
  const past = readPast(graph, inputs, reads!, gives!);
  const known = new Set([inputIds, attentionMask, positionIds, keepLogits].map((input) => input?.name));
  for (const name of past.flatMap((layer) => layer.inputs)) known.add(name);
  const unknown = inputs.find(({ name }) => !known.has(name));
  if (unknown) {
    const merged = unknown.name === 'use_cache_branch';
    throw new UserError(
      'model',
      `Its input "${unknown.name}" has no meaning here; expected input_ids, attention_mask, position_ids and a past for each block${merged ? ' (a merged decoder has two graphs in one; export one with past alone)' : ''}.`,
    );
  }
  if (!inputIds) throw new UserError('model', 'It has no input_ids.');
  for (const input of [inputIds, attentionMask, positionIds, keepLogits]) {
    if (input && input.dataType !== 'int64' && input.dataType !== 'int32') {
      throw new UserError('model', `Its input "${input.name}" is ${input.dataType}; expected int64 or int32.`);
    }
  }
  const first = inputs.find(({ name }) => name === past[0]?.inputs[0]);
  const rank = past[0]?.stacked ? 5 : 4;
  if (first?.dims && first.dims.length !== rank) {
    throw new UserError(
      'model',
      `Its past "${first.name}" has the shape [${first.dims.join(', ')}]; expected [batch, heads, length, head size] or, for keys and values in one, [2, batch, heads, length, head size].`,
    );
  }
  const heads = config.num_key_value_heads ?? config.num_attention_heads;
  return {
    inputIds,
    attentionMask: attentionMask ?? null,
    positionIds: positionIds ?? null,
    keepLogits,
    past,
    // Without a cache nothing is kept between runs, and the sizes are never used.
    keyValueHeads: first ? sizeOf(first, 3, heads, 'how many key–value heads there are') : 1,
    headSize: first ? sizeOf(first, 1, config.head_dim, 'how large a head is') : 1,
    logits,
  };
}
