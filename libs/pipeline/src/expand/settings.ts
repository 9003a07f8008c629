import { blame } from '../diagnostics/blame.ts';
import type { Problems } from '../diagnostics/problems.ts';
import type { Resources } from '../graph.ts';
import type { Located } from '../values/located.ts';
import { describeNode } from '../values/located.ts';
import { suggest } from '../values/words.ts';

export const RESOURCE_KEYS = ['device', 'memory', 'cpus', 'time'] as const;
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

/** `resources:` after expressions. */
export function readResources(node: Located | undefined, problems: Problems): Resources {
  if (node === undefined || node.type === 'broken' || isNull(node)) return { device: 'any' };
  if (node.type !== 'map') {
    refuse(
      problems,
      node,
      `\`resources\` must be a map, found ${describeNode(node)}`,
      'for example { device: gpu, memory: 20GiB }',
    );
    return { device: 'any' };
  }
  for (const [key, { keyRange }] of node.entries) {
    if (!(RESOURCE_KEYS as readonly string[]).includes(key)) {
      problems.error('SND104', keyRange, `unknown key \`${key}\` in \`resources\``, () =>
        suggest(key, RESOURCE_KEYS, 'keys'),
      );
    }
  }
  const get = (key: (typeof RESOURCE_KEYS)[number]): Located | undefined => node.entries.get(key)?.value;
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
  return {
    device: device ?? 'any',
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
    ...(cpus === undefined ? {} : { cpus }),
    ...(timeSeconds === undefined ? {} : { timeSeconds }),
  };
}

export function readRetries(node: Located | undefined, problems: Problems): number {
  return readInteger(node, 'retries', 0, 100, problems) ?? 0;
}

export function readTimeout(node: Located | undefined, problems: Problems): number | undefined {
  return readText(node, 'timeout', parseDuration, 'a duration such as 90s, 30m or 2h', problems);
}
