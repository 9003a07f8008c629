import type { ConfigIssue } from './issue.ts';
import type { Schema } from './validators.ts';

/** Whether the schema's `later` lists this key or word: the language has it, this version does not do it. */
export function isLater(schema: Schema, word: unknown): boolean {
  return Array.isArray(schema.later) && schema.later.includes(word);
}

export function later(path: ConfigIssue['path'], key: boolean, said: string): ConfigIssue {
  return {
    path,
    key,
    code: 'SND181',
    message: `\`${said}\` is not available in this version`,
  };
}

/** What keys else are missing or unknown beside a word (`kind: add`) that is not available says nothing more. */
export function withoutNoise(issues: readonly ConfigIssue[]): readonly ConfigIssue[] {
  const maps = issues.filter(({ code, key }) => code === 'SND181' && !key).map(({ path }) => text(path.slice(0, -1)));
  return maps.length === 0
    ? issues
    : issues.filter(
        ({ code, path }) =>
          !(code === 'SND104' && maps.includes(text(path.slice(0, -1)))) &&
          !(code === 'SND106' && maps.includes(text(path))),
      );
}

function text(path: ConfigIssue['path']): string {
  return JSON.stringify(path);
}
