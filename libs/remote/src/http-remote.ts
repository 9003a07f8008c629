import type { IncomingMessage } from 'node:http';
import type { Digest } from '@sonde/store';
import { ask, partsOf, type Server } from './http-request.ts';
import { type Remote, RemoteFailure } from './remote.ts';

/**
 * A server that speaks Bazel's HTTP cache protocol: `/ac/<64 hex>` and `/cas/<64 hex>` by GET, HEAD and PUT. bazel-remote
 * is one, and so is every web server that takes PUT (nginx with `dav_methods PUT`).
 */
export function httpRemote(server: Server, writes: boolean): Remote {
  const { host } = server.origin;
  const place = (kind: 'ac' | 'cas', digest: Digest) => `${kind}/${digest.slice('sha256:'.length)}`;
  return {
    name: host,
    overNetwork: true,
    writes,
    async entry(key, limit) {
      const answer = await ask(server, { method: 'GET', path: place('ac', key) });
      if (answer === undefined) return undefined;
      const parts: Uint8Array[] = [];
      let size = 0;
      for await (const part of partsOf(server, answer)) {
        size += part.length;
        if (size > limit) throw new RemoteFailure('wrong', `${host} sends an entry of more than ${limit} bytes`);
        parts.push(part);
      }
      return Buffer.concat(parts);
    },
    async putEntry(key, bytes) {
      (await ask(server, { method: 'PUT', path: place('ac', key), body: bytes }))?.resume();
    },
    async hasContent(digest, size) {
      const answer = await ask(server, { method: 'HEAD', path: place('cas', digest) });
      answer?.resume();
      return answer !== undefined && (size === undefined || (sizeIn(answer) ?? size) === size);
    },
    async content(digest, from, signal, room) {
      const headers: Record<string, string> = from === 0 ? {} : { range: `bytes=${from}-` };
      const answer = await ask(server, { method: 'GET', path: place('cas', digest), headers, signal });
      if (answer === undefined) return undefined;
      const continues = answer.statusCode === 206 && answer.headers['content-range']?.startsWith(`bytes ${from}-`);
      return { from: continues ? from : 0, parts: partsOf(server, answer, room) };
    },
    async putContent(blob, blobs, signal) {
      const { digest, size } = blob;
      const body = { size, sha256: digest.slice('sha256:'.length), parts: () => blobs.read(blob) };
      const answer = await ask(server, { method: 'PUT', path: place('cas', digest), body, signal });
      answer?.resume();
      if (answer === undefined) throw new RemoteFailure('refused', `${host} has no place for results (404)`);
    },
  };
}

/** What an answer to HEAD says of the size of content; undefined where it says nothing of use. */
function sizeIn({ headers }: IncomingMessage): number | undefined {
  const length = headers['content-length'];
  return length === undefined || headers['content-encoding'] !== undefined ? undefined : Number(length);
}
