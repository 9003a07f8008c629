import { HubError } from './errors.ts';

export interface HubRepo {
  readonly type: 'model' | 'dataset';
  /** `owner/name`. */
  readonly id: string;
}

/** What follows `hf:`. */
export interface HubReference {
  readonly repo: HubRepo;
  /** A branch, a tag or a commit; `main` where none is said. */
  readonly revision: string;
  /** A folder or file in the repository; empty for the repository itself. */
  readonly path: string;
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

/** Whether a revision is a full commit id, which cannot move. */
export function isCommit(revision: string): boolean {
  return /^[0-9a-f]{40}$/.test(revision);
}

/** The reference without its path, as people write it: `hf:owner/name@revision`. */
export function repoName({ type, id }: HubRepo): string {
  return `hf:${type === 'dataset' ? 'datasets/' : ''}${id}`;
}

/** Whether a relative path stays inside the folder it starts from, on every system. */
export function isInside(path: string): boolean {
  return (
    path !== '' &&
    !/[\\\0:]/.test(path) &&
    path.split('/').every((part) => part !== '' && part !== '.' && part !== '..')
  );
}

/**
 * Reads `owner/name[@revision][/path]`, or `datasets/owner/name…` for a data set (no owner can be called "datasets").
 * @throws HubError `reference`
 */
export function parseReference(text: string): HubReference {
  const fail = (why: string) =>
    new HubError('reference', `\`hf:${text}\` ${why}.`, 'Write hf:owner/name@revision or hf:owner/name@revision/file.');
  const dataset = text.startsWith('datasets/');
  const rest = dataset ? text.slice('datasets/'.length) : text;
  const [owner = '', named = '', ...folders] = rest.split('/');
  const at = named.indexOf('@');
  const name = at < 0 ? named : named.slice(0, at);
  const revision = at < 0 ? 'main' : named.slice(at + 1);
  if (!NAME.test(owner) || !NAME.test(name)) throw fail('names no repository');
  if (!NAME.test(revision)) throw fail('has a revision that cannot be one');
  const path = folders.join('/').replace(/\/$/, '');
  if (path !== '' && !isInside(path)) throw fail('has a path that leaves the repository');
  return { repo: { type: dataset ? 'dataset' : 'model', id: `${owner}/${name}` }, revision, path };
}
