import { createHash } from 'node:crypto';
import { type ClientRequest, type IncomingMessage, request as plainRequest } from 'node:http';
import { Agent as TlsAgent, request as tlsRequest } from 'node:https';
import { certificateFailure, codeOf, isPassingStatus, PassingFailure, retry, retryAfterSeconds } from '@sonde/base';
import { bodyPastParser, LargeReads } from './large-reads.ts';
import { RemoteFailure, type Room } from './remote.ts';

/** What a server is and how patient we are with it. */
export interface Server {
  readonly origin: URL;
  /** The headers that show who asks; made when they are needed, so that no listing of the settings shows a secret. */
  authorize(request: Request): Promise<Headers>;
  /** Where a person puts what shows who asks. */
  readonly credentials: string;
  /** First pause before a request is made again, in milliseconds; it doubles each time. */
  readonly retryDelay: number;
  /** Silence after which a connection counts as cut, in milliseconds. */
  readonly silence: number;
}

export type Headers = Readonly<Record<string, string>>;

/** What is about to be sent, for who signs it. */
export interface Request {
  readonly method: 'GET' | 'HEAD' | 'PUT';
  /** From the server's root on, as it is sent. */
  readonly path: string;
  readonly headers: Headers;
  /** Of the body, in hexadecimal. */
  readonly sha256?: string;
}

export interface Ask {
  readonly method: Request['method'];
  /** Below the server's address. */
  readonly path: string;
  readonly headers?: Headers;
  readonly body?: Uint8Array | LargeBody;
  readonly signal?: AbortSignal | undefined;
}

/** What is sent in parts, as often as it takes. A part stays as it is until the next is asked for. */
export interface LargeBody {
  /** Bytes. */
  readonly size: number;
  /** Hexadecimal. */
  readonly sha256: string;
  parts(): AsyncIterable<Uint8Array>;
}

const ATTEMPTS = 4;
/** Bytes a second: who sends fewer for as long as silence is borne keeps us waiting on purpose. */
const LEAST_RATE = 64;
/** Bytes a second that a server puts away at least, once it has all of them: until then it has nothing to say. */
const PUT_AWAY_RATE = 32 * 1024 * 1024;
/** A server that asks for a longer pause than this, in seconds, is not waited for. */
const LONGEST_WAIT = 60;
/** Read of an answer that refuses, in characters. */
const LONGEST_WORDS = 4096;
const AGENTS = {
  'http:': new LargeReads({ keepAlive: true, maxSockets: 16 }),
  'https:': new TlsAgent({ keepAlive: true, maxSockets: 16 }),
};

/**
 * Asks until there is an answer: 2xx, or 404 as undefined. Redirects are not followed: what is elsewhere is another server,
 * and the token is not for it.
 *
 * @throws RemoteFailure `unreachable` after all attempts, `refused` for any other answer
 */
export function ask(server: Server, asked: Ask): Promise<IncomingMessage | undefined> {
  return retry(() => answerTo(server, asked), {
    signal: asked.signal,
    pause({ message, wait }, failures) {
      const pause = wait ?? (server.retryDelay / 1000) * 2 ** (failures - 1) * (0.5 + Math.random());
      if (failures >= ATTEMPTS || pause > LONGEST_WAIT) throw new RemoteFailure('unreachable', message);
      return pause;
    },
  });
}

/** One answer: 2xx, or 404 as undefined. @throws PassingFailure, RemoteFailure for what would not be otherwise again */
async function answerTo(server: Server, asked: Ask): Promise<IncomingMessage | undefined> {
  const { host } = server.origin;
  const answer = await once(server, asked);
  const status = answer.statusCode ?? 0;
  if (status >= 200 && status < 300) return answer;
  const gone = status === 404 || status === 410;
  if (!gone && !isPassingStatus(status)) throw refusal(server, asked, status, await wordsOf(answer));
  answer.resume();
  if (gone) return undefined;
  const wait = retryAfterSeconds(answer.headers['retry-after']);
  throw new PassingFailure(`${host} answers ${status}`, { wait });
}

/**
 * The body in parts, each of which is done with when the next is asked for; they lie in `room` where it offers any and that
 * is possible. A cut connection, or one that is silent or all but that, is a `RemoteFailure`.
 */
export async function* partsOf(server: Server, answer: IncomingMessage, room?: Room): AsyncGenerator<Uint8Array> {
  const { origin, silence } = server;
  let [since, bytes] = [performance.now(), 0];
  try {
    const pastParser = room && bodyPastParser(answer, room);
    for await (const part of pastParser ?? answer) {
      bytes += (part as Uint8Array).length;
      const waited = performance.now() - since;
      yield part as Uint8Array;
      if (waited < silence) continue;
      if (bytes < (LEAST_RATE * waited) / 1000) throw new PassingFailure(`${origin.host} sends next to nothing`);
      [since, bytes] = [performance.now(), 0];
    }
    if (pastParser === undefined && !answer.complete)
      throw new PassingFailure(`the connection to ${server.origin.host} was cut`);
  } catch (error) {
    throw new RemoteFailure('unreachable', networkFailure(error, server.origin.host).message);
  } finally {
    answer.destroy();
  }
}

async function once(server: Server, asked: Ask): Promise<IncomingMessage> {
  const { origin, silence } = server;
  const { method, body, signal } = asked;
  const path = `${origin.pathname.replace(/\/$/, '')}/${asked.path}`;
  const size = body === undefined ? undefined : 'parts' in body ? body.size : body.length;
  const headers = {
    'user-agent': 'sonde',
    ...asked.headers,
    ...(size === undefined ? {} : { 'content-length': String(size), 'content-type': 'application/octet-stream' }),
  };
  const sha256 = body === undefined ? undefined : 'parts' in body ? body.sha256 : sha256Of(body);
  const authorization = await server.authorize({ method, path, headers, ...(sha256 === undefined ? {} : { sha256 }) });
  const secure = origin.protocol === 'https:';
  const sent = (secure ? tlsRequest : plainRequest)({
    agent: secure ? AGENTS['https:'] : AGENTS['http:'],
    protocol: origin.protocol,
    hostname: origin.hostname.replace(/^\[|\]$/g, ''),
    port: origin.port,
    method,
    path,
    headers: { ...headers, ...authorization },
    ...(signal === undefined ? {} : { signal }),
  });
  // Headers that come one by one are no silence, and no answer.
  const late = body === undefined ? setTimeout(() => sent.destroy(slow), 2 * silence) : undefined;
  const slow = new PassingFailure(`${origin.host} does not answer within ${(2 * silence) / 1000} s`);
  sent.once('close', () => clearTimeout(late)).once('response', () => clearTimeout(late));
  let patience = silence;
  sent.setTimeout(patience, () =>
    sent.destroy(new PassingFailure(`${origin.host} is silent for ${patience / 1000} s`)),
  );
  sent.once('finish', () => {
    patience = silence + Math.ceil((1000 * (size ?? 0)) / PUT_AWAY_RATE);
    sent.setTimeout(patience);
  });
  return new Promise<IncomingMessage>((resolve, reject) => {
    sent.on('response', resolve);
    sent.on('error', (error) => reject(networkFailure(error, origin.host)));
    if (body === undefined || !('parts' in body)) return sent.end(body);
    sendParts(sent, body).catch((error: unknown) => {
      // What is wrong here is no failure of the network.
      reject(error);
      sent.destroy();
    });
  });
}

/** Sends a body, unless the server has heard enough: it answers, or closes, before it has all. */
async function sendParts(sent: ClientRequest, { size, parts }: LargeBody): Promise<void> {
  let left = size;
  let isOver = false;
  let wake = () => {};
  const stop = () => {
    isOver = true;
    wake();
  };
  sent.once('close', stop);
  sent.once('response', (answer) => {
    // The rest of the body is awaited on this connection: it is of no more use.
    if (left > 0) answer.once('end', () => sent.destroy());
    stop();
  });
  for await (const part of parts()) {
    await new Promise<void>((resolve) => {
      wake = resolve;
      if (isOver) return resolve();
      left -= part.length;
      // The system has all of it when it says so: then the part may become another.
      if (left > 0) sent.write(part, () => resolve());
      else sent.end(part, () => resolve());
    });
    if (isOver) return;
  }
  if (size === 0) sent.end();
}

function refusal({ origin, credentials }: Server, { method, path }: Ask, status: number, words: string): RemoteFailure {
  const { host } = origin;
  // Asked for the rest of what was cut off there.
  if (status === 416) return new RemoteFailure('wrong', `${host} has only a part of ${path}`);
  const said = `${status}${words === '' ? '' : `: ${words}`}`;
  if (status < 400) return new RemoteFailure('refused', `${host} sends on to another address (${said})`);
  if (status === 401 || status === 403 || status === 405) {
    const what = method === 'PUT' ? 'take results' : 'give results';
    // A server that knows no PUT, say, knows none with a token either.
    return new RemoteFailure('refused', `${host} does not ${what} (${said})`, status === 405 ? undefined : credentials);
  }
  return new RemoteFailure('refused', `${host} answers ${method} with ${said}`);
}

/** What the answer says of why, in the XML that object stores write; else nothing. */
async function wordsOf(answer: IncomingMessage): Promise<string> {
  if (!/xml/.test(answer.headers['content-type'] ?? '')) {
    answer.resume();
    return '';
  }
  let text = '';
  try {
    for await (const part of answer) {
      text += String(part);
      if (text.length > LONGEST_WORDS) break;
    }
  } catch {
    // The status says enough.
  }
  return /<Message>([^<]{1,200})/.exec(text)?.[1]?.replace(/[^\x20-\x7e]+/g, ' ') ?? '';
}

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function networkFailure(error: unknown, host: string): PassingFailure | RemoteFailure {
  if (error instanceof PassingFailure) return error;
  const refused = certificateFailure(error, host);
  if (refused !== undefined) return new RemoteFailure('unreachable', refused.message, refused.hint);
  return new PassingFailure(`the connection to ${host} failed (${codeOf(error) ?? 'cut'})`);
}
