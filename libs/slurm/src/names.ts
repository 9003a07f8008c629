import { createHash } from 'node:crypto';
import type { Shape } from './types.ts';

/** The first digits of a text's SHA-256. */
export function digits(text: string, many: number): string {
  return createHash('sha256').update(text).digest('hex').slice(0, many);
}

/** What the names of all jobs of a scope begin with: the same for whoever comes back with it. */
export function prefixOf(scope: string): string {
  return `sonde-${digits(scope, 12)}-`;
}

/** `sonde-3f9a2c1b77de-gpu1-cpu8-64GiB-4h-1c0b2f`: what is asked for can be read off it; the last part tells it apart. */
export function jobName(scope: string, shape: Shape): string {
  const { gpus, cpus, memoryBytes, seconds, work } = shape;
  const parts = [
    ...(gpus > 0 ? [`gpu${gpus}`] : []),
    ...(cpus === undefined ? [] : [`cpu${cpus}`]),
    ...(memoryBytes === undefined ? [] : [`${Math.ceil(memoryBytes / 2 ** 30)}GiB`]),
    ...(seconds === undefined ? [] : [`${Math.ceil(seconds / 60)}min`]),
    digits(JSON.stringify([gpus, cpus ?? null, memoryBytes ?? null, seconds ?? null, work ?? null]), 6),
  ];
  return `${prefixOf(scope)}${parts.join('-')}`;
}
