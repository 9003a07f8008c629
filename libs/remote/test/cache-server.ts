import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly authorization: string | undefined;
  readonly range: string | undefined;
}

/** A server that speaks the protocol, and misbehaves as it is told: a fault that returns true has answered. */
export interface CacheServer {
  readonly url: string;
  readonly kept: Map<string, Buffer>;
  readonly seen: Seen[];
  readonly faults: ((seen: Seen, response: ServerResponse) => boolean)[];
  close(): Promise<void>;
}

export async function startCacheServer(): Promise<CacheServer> {
  const kept = new Map<string, Buffer>();
  const seen: Seen[] = [];
  const faults: CacheServer['faults'] = [];
  const server = createServer((request, response) => {
    void answer(request, response).catch(() => response.destroy());
  });
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '' } = request;
    const { authorization, range } = request.headers;
    const asked = { method, url, authorization, range };
    seen.push(asked);
    if (faults.some((fault) => fault(asked, response))) return void request.resume();
    if (method === 'PUT') {
      const parts: Buffer[] = [];
      for await (const part of request) parts.push(part as Buffer);
      kept.set(url, Buffer.concat(parts));
      return void response.writeHead(201).end();
    }
    const found = kept.get(url);
    if (found === undefined) return void response.writeHead(404).end();
    const from = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0);
    response.writeHead(from === 0 ? 200 : 206, {
      'content-length': found.length - from,
      ...(from === 0 ? {} : { 'content-range': `bytes ${from}-${found.length - 1}/${found.length}` }),
    });
    response.end(method === 'HEAD' ? undefined : found.subarray(from));
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/cache`,
    kept,
    seen,
    faults,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
