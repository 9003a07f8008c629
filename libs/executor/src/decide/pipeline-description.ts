import type { JsonValue } from '@sonde/base';
import { type Graph, isDataRef, isOutputRef, type Value } from '@sonde/pipeline';
import { canonicalJson } from '@sonde/store';
import type { PipelineDescription } from '../step.ts';

export function describePipeline({ name, description, tasks }: Graph): PipelineDescription {
  const models = tasks.flatMap(({ with: { model } }) => (model === undefined ? [] : [asWritten(model)]));
  const [model, ...others] = new Map(models.map((each) => [canonicalJson(each), each])).values();
  return { name, description, ...(model !== undefined && others.length === 0 && { model }) };
}

function asWritten(value: Value): JsonValue {
  if (value === null || typeof value !== 'object') return value;
  if (isDataRef(value)) return value.ref;
  if (isOutputRef(value)) return `${value.task}.${value.output}`;
  if (Array.isArray(value)) return value.map(asWritten);
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, asWritten(member)]));
}
