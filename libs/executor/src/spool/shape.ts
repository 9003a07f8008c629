import { createHash } from 'node:crypto';
import type { Resources } from '@sonde/pipeline';
import type { Provider } from '../step.ts';

/** What a worker must have for an order: orders of one shape are done by any worker of that shape. */
export interface Shape {
  readonly provider: Provider;
  readonly gpus: number;
  readonly cpus?: number;
  readonly memoryBytes?: number;
  /** How long its longest work may take. */
  readonly seconds?: number;
  /** Its steps run programs that the pipeline brings. */
  readonly code: boolean;
  /** Which modules give its step kinds, as a short digest; absent: none. */
  readonly modules?: string;
}

export function shapeOf(
  { cpus, memoryBytes, timeSeconds }: Resources,
  needs: { readonly provider: Provider; readonly devices: number; readonly runsCode: boolean },
  modules: readonly string[],
): Shape {
  return {
    provider: needs.provider,
    gpus: needs.provider === 'cpu' ? 0 : needs.devices,
    ...(cpus === undefined ? {} : { cpus }),
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
    ...(timeSeconds === undefined ? {} : { seconds: Math.ceil(timeSeconds) }),
    code: needs.runsCode,
    ...(modules.length === 0 ? {} : { modules: modulesName(modules) }),
  };
}

/** Modules by their contents' digests, whatever they are called and in whatever order they are given. */
export function modulesName(digests: readonly string[]): string {
  return shortDigest([...digests].sort().join('\n'));
}

/** For names: the first digits of a text's SHA-256. */
export function shortDigest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}

/** `cuda.g1.c4.m68719476736.t3600`: from the name alone a worker sees whether it can do the work. */
export function shapeName({ provider, gpus, cpus, memoryBytes, seconds, code, modules }: Shape): string {
  const parts = [
    provider,
    gpus > 0 ? `g${gpus}` : undefined,
    cpus === undefined ? undefined : `c${cpus}`,
    memoryBytes === undefined ? undefined : `m${memoryBytes}`,
    seconds === undefined ? undefined : `t${seconds}`,
    code ? 'code' : undefined,
    modules === undefined ? undefined : `with-${modules}`,
  ];
  return parts.filter((part) => part !== undefined).join('.');
}

const NAME =
  /^(?<provider>cpu|cuda|webgpu)(?:\.g(?<gpus>\d+))?(?:\.c(?<cpus>\d+))?(?:\.m(?<memory>\d+))?(?:\.t(?<seconds>\d+))?(?<code>\.code)?(?:\.with-(?<modules>[0-9a-f]{12}))?$/;

export function readShape(name: string): Shape | undefined {
  const found = NAME.exec(name)?.groups;
  if (found === undefined) return undefined;
  const { provider, gpus, cpus, memory, seconds, code, modules } = found;
  return {
    provider: provider as Provider,
    gpus: Number(gpus ?? 0),
    ...(cpus === undefined ? {} : { cpus: Number(cpus) }),
    ...(memory === undefined ? {} : { memoryBytes: Number(memory) }),
    ...(seconds === undefined ? {} : { seconds: Number(seconds) }),
    code: code !== undefined,
    ...(modules === undefined ? {} : { modules }),
  };
}
