import type { ConfigIssue } from './schema-errors.ts';
import type { Schema } from './validators.ts';

/** Whether the schema's `later` lists this key or word: the language has it, this version does not do it. */
export const isLater = (schema: Schema, word: unknown): boolean =>
  Array.isArray(schema.later) && schema.later.includes(word);

export const later = (path: ConfigIssue['path'], key: boolean, said: string): ConfigIssue => ({
  path,
  key,
  code: 'SND181',
  message: `\`${said}\` is not available in this version`,
});

/** What keys else are missing or unknown beside a word (`kind: add`) that is not available says nothing more. */
export const withoutNoise = (issues: readonly ConfigIssue[]): readonly ConfigIssue[] => {
  const maps = issues.filter(({ code, key }) => code === 'SND181' && !key).map(({ path }) => text(path.slice(0, -1)));
  return maps.length === 0
    ? issues
    : issues.filter(
        ({ code, path }) =>
          !(code === 'SND104' && maps.includes(text(path.slice(0, -1)))) &&
          !(code === 'SND106' && maps.includes(text(path))),
      );
};

const text = (path: ConfigIssue['path']): string => JSON.stringify(path);
