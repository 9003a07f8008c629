import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { HubError } from './errors.ts';

/** Where the hub is, where its files are kept, and with which right they are asked for. */
export interface HubSettings {
  /** Without a slash at its end. */
  readonly endpoint: string;
  /** The folder that holds `models--owner--name`. */
  readonly cache: string;
  readonly offline: boolean;
  /** Read when it is needed; a function, so that no listing of the settings shows it. */
  token(): string | undefined;
  /** First pause before a request is made again, in milliseconds; it doubles each time. */
  readonly retryDelay: number;
}

const DEFAULT_ENDPOINT = 'https://huggingface.co';

function isSet(value: string | undefined): value is string {
  return value !== undefined && value !== '';
}
function isTrue(value: string | undefined): boolean {
  return /^(1|on|yes|true)$/i.test(value ?? '');
}

/**
 * Reads the variables that Hugging Face's own tools read: HF_ENDPOINT, HF_HOME, HF_HUB_CACHE, HF_HUB_OFFLINE, HF_TOKEN,
 * HF_TOKEN_PATH. @throws HubError where HF_ENDPOINT is not an address
 */
export function hubSettings(
  env: Readonly<Record<string, string | undefined>> = process.env,
  options: { readonly offline?: boolean; readonly retryDelay?: number } = {},
): HubSettings {
  const endpoint = (isSet(env.HF_ENDPOINT) ? env.HF_ENDPOINT : DEFAULT_ENDPOINT).replace(/\/+$/, '');
  const address = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (address === undefined || !/^https?:$/.test(address.protocol) || address.username !== '') {
    throw new HubError('reference', 'HF_ENDPOINT is not the address of a hub.', `Write it as ${DEFAULT_ENDPOINT}.`);
  }
  const expand = (path: string) => resolve(path.replace(/^~(?=$|\/)/, homedir()));
  const caches = isSet(env.XDG_CACHE_HOME) ? env.XDG_CACHE_HOME : join(homedir(), '.cache');
  const home = expand(isSet(env.HF_HOME) ? env.HF_HOME : join(caches, 'huggingface'));
  const cache = [env.HF_HUB_CACHE, env.HUGGINGFACE_HUB_CACHE].find(isSet);
  return {
    endpoint,
    cache: cache === undefined ? join(home, 'hub') : expand(cache),
    offline: options.offline === true || isTrue(env.HF_HUB_OFFLINE) || isTrue(env.TRANSFORMERS_OFFLINE),
    token() {
      const given = [env.HF_TOKEN, env.HUGGING_FACE_HUB_TOKEN].find(isSet);
      if (given !== undefined) return given.trim();
      try {
        const text = readFileSync(isSet(env.HF_TOKEN_PATH) ? env.HF_TOKEN_PATH : join(home, 'token'), 'utf8').trim();
        return text === '' ? undefined : text;
      } catch {
        return undefined;
      }
    },
    retryDelay: options.retryDelay ?? 500,
  };
}
