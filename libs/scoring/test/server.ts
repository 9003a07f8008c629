import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Clock } from '../src/client/clock.ts';

/** A request as a server sees it. */
export interface Seen {
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  // biome-ignore lint/suspicious/noExplicitAny: what a client sends is JSON of any form
  readonly body: any;
}

export type Answering = (request: Seen, response: ServerResponse, count: number) => void;

/** A server on this machine that answers as it is told. */
export async function serve(answer: Answering) {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (part: string) => {
      body += part;
    });
    request.on('end', () => {
      const one = { url: request.url!, headers: request.headers, body: JSON.parse(body) as unknown };
      seen.push(one);
      answer(one, response, seen.length);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    seen,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
) {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

export interface FakeClock extends Clock {
  readonly slept: number[];
  /** All that is waited for takes too long. */
  timeOut(): void;
}

/** A clock whose hours pass at once, and that says how long was slept. */
export function fakeClock(): FakeClock {
  let now = Date.UTC(2026, 0, 1);
  const slept: number[] = [];
  let waiting = new AbortController();
  return {
    slept,
    timeout: () => waiting.signal,
    timeOut() {
      waiting.abort(new DOMException('It took too long.', 'TimeoutError'));
      waiting = new AbortController();
    },
    now: () => now,
    random: () => 0.5,
    async sleep(milliseconds) {
      slept.push(milliseconds);
      now += milliseconds;
    },
  };
}
