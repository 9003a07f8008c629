import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { fetchContent, openRemote } from '@sonde/remote';
import { openStore } from '@sonde/store';
import { hasNginx, startNginx } from '../../tests/nginx.ts';
import { rounded } from './command-line.ts';

const USAGE = `Times content given to and brought from a real nginx, hashed on the way, beside curl with the same server,
and beside curl that waits for the disk (sync), as a store does before it says that content is there.
  --mebibytes N  size of the content (1024)
  --rounds N     of each (3); the best counts
`;

function randomFile(file: string, mebibytes: number): void {
  const handle = openSync(file, 'w');
  for (let i = 0; i < mebibytes; i++) writeSync(handle, randomBytes(1 << 20));
  closeSync(handle);
}

async function timed(work: () => unknown): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}

/** Runs the benchmark; prints one JSON object to standard output. */
export async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      mebibytes: { type: 'string', default: '1024' },
      rounds: { type: 'string', default: '3' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return console.log(USAGE);
  if (!hasNginx) throw new Error('This needs nginx.');
  const folder = mkdtempSync(path.join(tmpdir(), 'sonde-bench-'));
  const nginx = await startNginx(path.join(folder, 'nginx'));
  const giver = await openStore(path.join(folder, 'giver'));
  try {
    const file = path.join(folder, 'content');
    randomFile(file, Number(values.mebibytes));
    const { digest, size } = await giver.artifacts.put('file', file);
    const remote = openRemote({ url: nginx.url, write: true }, folder, {});
    const best = { give: Infinity, curlPut: Infinity, bring: Infinity, curlGet: Infinity, curlGetSync: Infinity };
    const got = path.join(folder, 'got');
    for (let round = 0; round < Number(values.rounds); round++) {
      const own = `${nginx.url}/cas/${digest.slice('sha256:'.length)}`;
      const taker = await openStore(path.join(folder, `taker-${round}`));
      const seconds = {
        give: await timed(() => remote.putContent(digest, giver.blobs.path(digest), size)),
        curlPut: await timed(() => execFileSync('curl', ['-sf', '-T', file, `${nginx.url}/cas/curl`])),
        bring: await timed(() => fetchContent(remote, taker, digest, size)),
        curlGet: await timed(() => execFileSync('curl', ['-sf', '-o', got, own])),
        curlGetSync: await timed(() => {
          rmSync(got);
          execFileSync('curl', ['-sf', '-o', got, own]);
          execFileSync('sync', [got]);
        }),
      };
      for (const name of ['give', 'curlPut', 'bring', 'curlGet', 'curlGetSync'] as const) {
        best[name] = Math.min(best[name], seconds[name]);
      }
      await taker.close();
      rmSync(taker.dir, { recursive: true, force: true });
    }
    console.log(
      JSON.stringify({
        benchmark: 'transfer',
        bytes: size,
        give_seconds: rounded(best.give),
        bring_seconds: rounded(best.bring),
        give_rate_to_curl: rounded(best.curlPut / best.give),
        bring_rate_to_curl: rounded(best.curlGet / best.bring),
        bring_rate_to_curl_and_sync: rounded(best.curlGetSync / best.bring),
      }),
    );
  } finally {
    await giver.close();
    await nginx.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
