import type { JsonObject } from '@sonde/base';

/** As whoever reads it from a file will find it: without fields that are undefined. */
export function plain<T extends object>(value: T): T & JsonObject {
  return JSON.parse(JSON.stringify(value)) as T & JsonObject;
}
