import { PassingFailure, UserError } from '@sonde/base';
import type { Clock } from './clock.ts';

/** What a server answered. */
export interface Answer {
  readonly status: number;
  readonly body: string;
  /** Its `Retry-After`. */
  readonly retryAfter: string | null;
}

/** A call that had no answer: the connection failed, or took too long. */
export class NoAnswer extends PassingFailure {}

/** Most bytes of an answer; more is no answer to a batch of texts. */
const MOST_BYTES = 64 * 2 ** 20;

/** In the environment of whoever may not use the network: `--offline`. */
const OFFLINE = 'SONDE_OFFLINE';
const THIS_MACHINE = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

/** @throws UserError where the network is forbidden; this machine may be asked all the same */
function requireAllowed(url: string): void {
  const { hostname } = new URL(url);
  if (process.env[OFFLINE] !== '1' || THIS_MACHINE.test(hostname)) return;
  throw new UserError(
    'scorer',
    `${hostname} would be asked, and the network is forbidden`,
    '`record: only` uses the answers alone that are kept; or run without --offline.',
  );
}

/**
 * Sends JSON.
 *
 * @throws NoAnswer where no whole answer comes back in time; what it says names no address
 * @throws UserError where the network is forbidden, or an answer has no end
 */
export async function post(
  url: string,
  body: string,
  headers: Readonly<Record<string, string>>,
  seconds: number,
  clock: Clock,
): Promise<Answer> {
  requireAllowed(url);
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json', ...headers },
      body,
      // Another address is not the one that was consented to.
      redirect: 'manual',
      signal: clock.timeout(Math.ceil(seconds * 1000)),
    });
    return {
      status: response.status,
      body: await wholeBody(response, new URL(url).host),
      retryAfter: response.headers.get('retry-after'),
    };
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new NoAnswer(whyNone(error, seconds));
  }
}

async function wholeBody(response: Response, who: string): Promise<string> {
  const decoder = new TextDecoder();
  let [text, bytes] = ['', 0];
  if (response.body === null) return text;
  for await (const chunk of response.body) {
    bytes += chunk.length;
    if (bytes > MOST_BYTES) {
      throw new UserError(
        'scorer',
        `${who} answers with more than ${MOST_BYTES / 2 ** 20} MiB, which no text asks for`,
      );
    }
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function whyNone(error: unknown, seconds: number): string {
  if (!(error instanceof Error)) return 'the connection failed';
  if (error.name === 'TimeoutError') return `it did not answer within ${seconds} s`;
  const cause = error.cause as { readonly code?: unknown; readonly message?: unknown } | undefined;
  const code = cause?.code;
  const known: Readonly<Record<string, string>> = {
    ECONNREFUSED: 'the connection was refused',
    ECONNRESET: 'the connection was cut',
    UND_ERR_SOCKET: 'the connection was cut',
    ENOTFOUND: 'its name is not known',
    EAI_AGAIN: 'its name could not be looked up',
  };
  if (typeof code === 'string') return known[code] ?? `the connection failed (${code})`;
  return 'the connection failed';
}
