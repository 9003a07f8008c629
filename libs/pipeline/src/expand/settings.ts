import { blame } from '../diagnostics/blame.ts';
import type { Problems } from '../diagnostics/problems.ts';
import type { OnFailure, Resources } from '../graph.ts';
import type { Located } from '../values/located.ts';
import { describeNode } from '../values/located.ts';
import { suggest } from '../values/words.ts';

export const RESOURCE_KEYS = ['device', 'gpus', 'memory', 'cpus', 'time'] as const;
export const ON_FAILURE_KEYS = ['memory', 'time'] as const;
const MOST_GPUS = 1024;
/** The largest factor of `on_failure`. */
const MOST_MORE = 16;
const DEVICES = ['gpu', 'cpu', 'any'] as const;

const MEMORY = /^(\d+(?:\.\d+)?)\s*(B|KiB|MiB|GiB|TiB|kB|KB|MB|GB|TB)$/;
const UNITS: Readonly<Record<string, number>> = {
  B: 1,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
  kB: 1e3,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
};
const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** `20GiB` → bytes; undefined where it is no size. */
export function parseMemory(text: string): number | undefined {
  const found = MEMORY.exec(text.trim());
  const bytes = found === null ? 0 : Math.round(Number(found[1]) * UNITS[found[2]!]!);
  return bytes > 0 && Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** `2h`, `90s`, `1h30m` → seconds; undefined where it is no duration. */
export function parseDuration(text: string): number | undefined {
  const trimmed = text.trim();
  if (!/^(\d+(\.\d+)?[smhd])+$/.test(trimmed)) return undefined;
  let seconds = 0;
  for (const [, amount, unit] of trimmed.matchAll(/(\d+(?:\.\d+)?)([smhd])/g))
    seconds += Number(amount) * SECONDS[unit!]!;
  return seconds > 0 && seconds <= 366 * 86_400 ? seconds : undefined;
}

/** As `parseDuration`, and `0s`. */
export function parseSpan(text: string): number | undefined {
  return text.trim() === '0s' ? 0 : parseDuration(text);
}

function refuse(problems: Problems, node: Located, message: string, hint?: string): void {
  blame(
    problems,
    { code: 'SND170', message, ...(hint === undefined ? {} : { hint }) },
    node.range,
    node.use,
    node.range,
  );
}

function isNull(node: Located): boolean {
  return node.type === 'scalar' && node.value === null;
}

function readText<T>(
  node: Located | undefined,
  name: string,
  parse: (text: string) => T | undefined,
  expected: string,
  problems: Problems,
): T | undefined {
  if (node === undefined || node.type === 'broken' || isNull(node)) return undefined;
  const value = node.type === 'scalar' && typeof node.value === 'string' ? parse(node.value) : undefined;
  if (value === undefined) refuse(problems, node, `\`${name}\` must be ${expected}, found ${describeNode(node)}`);
  return value;
}

function readInteger(
  node: Located | undefined,
  name: string,
  least: number,
  most: number,
  problems: Problems,
): number | undefined {
  if (node === undefined || node.type === 'broken' || isNull(node)) return undefined;
  const value = node.type === 'scalar' ? node.value : undefined;
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
  refuse(problems, node, `\`${name}\` must be an integer from ${least} to ${most}, found ${describeNode(node)}`);
  return undefined;
}

/** What a setting that is a map holds under each key; undefined where it is not given, or is no map. */
function readKeys<Key extends string>(
  node: Located | undefined,
  name: string,
  keys: readonly Key[],
  example: string,
  problems: Problems,
): ((key: Key) => Located | undefined) | undefined {
  if (node === undefined || node.type === 'broken' || isNull(node)) return undefined;
  if (node.type !== 'map') {
    refuse(problems, node, `\`${name}\` must be a map, found ${describeNode(node)}`, `for example ${example}`);
    return undefined;
  }
  for (const [key, { keyRange }] of node.entries) {
    if (!(keys as readonly string[]).includes(key)) {
      problems.error('SND104', keyRange, `unknown key \`${key}\` in \`${name}\``, () => suggest(key, keys, 'keys'));
    }
  }
  return (key) => node.entries.get(key)?.value;
}

/** `resources:` after expressions. Whoever asks for a number of GPUs and does not say `any` must have them. */
export function readResources(node: Located | undefined, problems: Problems): Resources {
  const get = readKeys(node, 'resources', RESOURCE_KEYS, '{ device: gpu, memory: 20GiB }', problems);
  if (get === undefined) return { device: 'any' };
  const device = readText(
    get('device'),
    'device',
    (text) => DEVICES.find((known) => known === text),
    '`gpu`, `cpu` or `any`',
    problems,
  );
  const memoryBytes = readText(get('memory'), 'memory', parseMemory, 'a size such as 20GiB', problems);
  const cpus = readInteger(get('cpus'), 'cpus', 1, 4096, problems);
  const timeSeconds = readText(get('time'), 'time', parseDuration, 'a duration such as 90s, 30m or 2h', problems);
  const gpus = readInteger(get('gpus'), 'gpus', 1, MOST_GPUS, problems);
  if (gpus !== undefined && device === 'cpu') {
    refuse(problems, get('gpus')!, `\`gpus: ${gpus}\` goes with \`device: gpu\` or \`any\`, found \`device: cpu\``);
  }
  return {
    device: device ?? (gpus === undefined ? 'any' : 'gpu'),
    ...(gpus === undefined ? {} : { gpus }),
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
    ...(cpus === undefined ? {} : { cpus }),
    ...(timeSeconds === undefined ? {} : { timeSeconds }),
  };
}

/** `retries:`; a step that says what to do `on_failure` is tried again once where it does not say how often. */
export function readRetries(node: Located | undefined, onFailure: OnFailure | undefined, problems: Problems): number {
  return readInteger(node, 'retries', 0, 100, problems) ?? (onFailure === undefined ? 0 : 1);
}

/** `x2` → 2; undefined where it is no factor. */
function parseFactor(text: string): number | undefined {
  const found = /^x(\d+(?:\.\d+)?)$/.exec(text.trim());
  const factor = Number(found?.[1]);
  return factor > 1 && factor <= MOST_MORE ? factor : undefined;
}

/** `on_failure:` after expressions. */
export function readOnFailure(node: Located | undefined, problems: Problems): OnFailure | undefined {
  const get = readKeys(node, 'on_failure', ON_FAILURE_KEYS, '{ memory: x2, time: x2 }', problems);
  if (get === undefined) return undefined;
  const factor = (key: 'memory' | 'time') =>
    readText(get(key), key, parseFactor, `a factor such as x2 (more than 1, at most ${MOST_MORE})`, problems);
  const [memory, time] = [factor('memory'), factor('time')];
  if (memory === undefined && time === undefined) return undefined;
  return { ...(memory === undefined ? {} : { memory }), ...(time === undefined ? {} : { time }) };
}

export function readTimeout(node: Located | undefined, problems: Problems): number | undefined {
  return readText(node, 'timeout', parseDuration, 'a duration such as 90s, 30m or 2h', problems);
}
