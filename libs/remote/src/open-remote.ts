import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UserError } from '@sonde/base';
import { folderRemote } from './folder-remote.ts';
import { httpRemote } from './http-remote.ts';
import type { Headers } from './http-request.ts';
import type { Remote } from './remote.ts';
import { s3Server } from './s3.ts';

/** A remote store as a person names it. */
export interface RemoteSetting {
  /** `https://…`, `http://…`, `s3://bucket/folder`, `file:///…` or a folder's path. */
  readonly url: string;
  /** Results of this machine are given to it. Default: no. */
  readonly write?: boolean;
  /** The environment variable that holds its token. Default: `SONDE_REMOTE_TOKEN`. */
  readonly tokenEnv?: string;
  /** Of an object store: the service's address. */
  readonly endpoint?: string;
  /** Of an object store. */
  readonly region?: string;
}

const SILENCE = 30_000;
const RETRY_DELAY = 500;

/**
 * The remote that a setting names; asks nobody yet. A token that has a space in it is a whole `Authorization`
 * (`Basic …`), any other a bearer's.
 *
 * @throws UserError `usage` where it is no address, or has a user or password in it
 */
export function openRemote(
  { url, write = false, tokenEnv = 'SONDE_REMOTE_TOKEN', endpoint, region }: RemoteSetting,
  cwd: string,
  env: Readonly<Record<string, string | undefined>> = process.env,
): Remote {
  if (!/^[a-z][a-z0-9+.-]+:/i.test(url)) return folderRemote(resolve(cwd, url), write);
  const address = URL.canParse(url) ? new URL(url) : undefined;
  if (address?.protocol === 'file:') return folderRemote(fileURLToPath(address), write);
  if (address === undefined || !/^(https?|s3):$/.test(address.protocol)) {
    throw new UserError(
      'usage',
      `${url} is no remote store`,
      'It is an https:, http: or s3: address, or the path of a folder.',
    );
  }
  if (address.username !== '' || address.password !== '') {
    throw new UserError(
      'usage',
      'the address of a remote store holds a name or password',
      `${tokenEnv} in the environment holds the token.`,
    );
  }
  const patience = { retryDelay: RETRY_DELAY, silence: SILENCE };
  if (address.protocol === 's3:') {
    return httpRemote({ ...s3Server({ address, endpoint, region }, env), ...patience }, write);
  }
  const server = {
    ...patience,
    origin: address,
    credentials: `The environment variable ${tokenEnv} holds the token.`,
    async authorize(): Promise<Headers> {
      const token = env[tokenEnv]?.trim();
      if (token === undefined || token === '') return {};
      return { authorization: token.includes(' ') ? token : `Bearer ${token}` };
    },
  };
  return httpRemote(server, write);
}
