import {
  certificateFailure,
  codeOf,
  isPassingStatus,
  PassingFailure,
  retry,
  retryAfterSeconds,
  systemFailure,
} from '@sonde/base';
import { HubError } from './errors.ts';
import type { HubSettings } from './settings.ts';

export interface RequestHooks {
  readonly signal?: AbortSignal;
  /** Told before each pause: what went wrong, and for how many seconds it waits. */
  readonly onRetry?: (message: string, seconds: number) => void;
}

/** A failure on the way that may be gone when tried again. */
export class Transient extends PassingFailure {
  /** Nobody is there at all: trying long is no use. */
  readonly hopeless: boolean;
  constructor(message: string, more: { wait?: number | undefined; progressed?: boolean; hopeless?: boolean } = {}) {
    super(message, more);
    this.hopeless = more.hopeless === true;
  }
}

/** The server's answer is no, and would be again. */
export class Refused extends Error {
  readonly status: number;
  /** The hub's own word for it: `RepoNotFound`, `RevisionNotFound`, `EntryNotFound`, `GatedRepo`. */
  readonly word: string | undefined;
  constructor(status: number, word: string | undefined) {
    super(`the server answers ${status}`);
    this.status = status;
    this.word = word;
  }
}

const ATTEMPTS = 6;
const HOPELESS_ATTEMPTS = 3;
const MAX_REDIRECTS = 10;
/** A server that asks for a longer pause than this, in seconds, is not waited for. */
const LONGEST_WAIT = 600;
/** Silence after which a connection counts as cut, in milliseconds. */
export const SILENCE = 60_000;

/** Does it again, after pauses that double, while it fails with `Transient`. */
export function withRetries<T>(settings: HubSettings, hooks: RequestHooks, action: () => Promise<T>): Promise<T> {
  return retry(action, {
    signal: hooks.signal,
    pause(failure, failures) {
      const { message, wait } = failure;
      const seconds = wait ?? (settings.retryDelay / 1000) * 2 ** (failures - 1);
      const hopeless = failure instanceof Transient && failure.hopeless;
      if (failures >= (hopeless ? HOPELESS_ATTEMPTS : ATTEMPTS) || seconds > LONGEST_WAIT) {
        throw new HubError(
          'unreachable',
          `${hostOf(settings.endpoint)} cannot be used: ${message}.`,
          wait === undefined
            ? 'Try again later: what was downloaded is kept. HF_ENDPOINT names another hub, --offline uses the cache alone.'
            : `It asks to wait ${wait} s. Try again then: what was downloaded is kept.`,
        );
      }
      hooks.onRetry?.(message, seconds);
      return seconds;
    },
  });
}

/**
 * One GET. Follows redirects itself, so that the token goes to the endpoint's own origin alone; an answer other than
 * 2xx or 416 is thrown. `timer.touch()` must be called while the body is read: it cuts a connection that is silent.
 */
export async function get(
  settings: HubSettings,
  address: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal | undefined,
): Promise<{ readonly response: Response; readonly timer: SilenceTimer }> {
  const own = new URL(settings.endpoint).origin;
  let url = new URL(address);
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    const token = url.origin === own ? settings.token() : undefined;
    const timer = silenceTimer();
    const response = await fetch(url, {
      headers: {
        'user-agent': 'sonde',
        'accept-encoding': 'identity',
        ...headers,
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      redirect: 'manual',
      signal: signal === undefined ? timer.signal : AbortSignal.any([signal, timer.signal]),
    }).catch((error: unknown) => {
      timer.stop();
      throw networkFailure(error, url.host);
    });
    if (response.status < 300 || response.status === 416) return { response, timer };
    timer.stop();
    await response.body?.cancel().catch(() => undefined);
    if (response.status < 400) {
      const location = response.headers.get('location');
      if (location === null || !URL.canParse(location, url.href)) throw new Refused(response.status, undefined);
      const next = new URL(location, url);
      if (next.protocol !== 'https:' && next.protocol !== url.protocol) {
        throw new HubError('unreachable', `${url.host} redirects to an address that is not encrypted.`);
      }
      url = next;
      continue;
    }
    if (isPassingStatus(response.status)) {
      const wait = retryAfterSeconds(response.headers.get('retry-after'));
      throw new Transient(`${url.host} answers ${response.status}`, { wait });
    }
    throw new Refused(response.status, response.headers.get('x-error-code') ?? undefined);
  }
  throw new HubError('unreachable', `${hostOf(settings.endpoint)} redirects in a circle.`);
}

export interface SilenceTimer {
  readonly signal: AbortSignal;
  touch(): void;
  stop(): void;
}

function silenceTimer(): SilenceTimer {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(new Transient(`silent for ${SILENCE / 1000} s`)), SILENCE);
  timer.unref();
  return { signal: controller.signal, touch: () => timer.refresh(), stop: () => clearTimeout(timer) };
}

/** What went wrong on the way, without the address: it can be a signed one. */
export function networkFailure(error: unknown, host: string, progressed = false): unknown {
  if (error instanceof HubError || error instanceof Refused || error instanceof Transient) return error;
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const refused = certificateFailure(cause, host);
  if (refused !== undefined) return new HubError('unreachable', `${refused.message}.`, refused.hint);
  const code = codeOf(cause);
  if (systemFailure(cause)?.path !== undefined) return error;
  const hopeless = code === 'ENOTFOUND' || code === 'ECONNREFUSED';
  return new Transient(`the connection to ${host} failed (${code ?? 'cut'})`, { progressed, hopeless });
}

export function hostOf(address: string | URL): string {
  return new URL(address).host;
}
