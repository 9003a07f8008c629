import { UserError } from '@sonde/base';
import { type InputArtifact, isInputArtifact, type RunConfig, type RunValue } from '@sonde/executor';

/** The artifact at this key; the schema has made sure that a required one is there. */
export const input = (config: RunConfig, key: string): InputArtifact => {
  const value = config[key];
  if (!isInputArtifact(value)) throw new UserError('input', `\`${key}\` is missing`);
  return value;
};

export const optionalInput = (config: RunConfig, key: string): InputArtifact | undefined => {
  const value = config[key];
  return isInputArtifact(value) ? value : undefined;
};

/** The artifacts at this key: what a reference that collects axes gives. Empty where the key is absent. */
export const inputs = (config: RunConfig, key: string): readonly InputArtifact[] => {
  const value = config[key];
  if (isInputArtifact(value)) return [value];
  return Array.isArray(value) ? (value as readonly RunValue[]).filter(isInputArtifact) : [];
};

export const text = (config: RunConfig, key: string): string => String(config[key]);
export const number = (config: RunConfig, key: string): number => Number(config[key]);
export const strings = (config: RunConfig, key: string): readonly string[] | undefined =>
  config[key] as readonly string[] | undefined;
