import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { fetchContent, openRemote } from '@sonde/remote';
import { openStore, type Store } from '@sonde/store';
import { hasNginx, startNginx } from '../../tests/nginx.ts';
import { rounded } from './command-line.ts';

const USAGE = `Times content given to and brought from a real nginx, hashed on the way, beside curl with the same server,
and beside curl that waits for the disk (sync), as a store does before it says that content is there. Before each, what
was written is on the disk, and what is given is not there yet.
  --mebibytes N  size of the content (1024)
  --rounds N     of each (3)
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
    const cas = path.join(nginx.files, 'sonde/cas');
    const hex = digest.slice('sha256:'.length);
    const got = path.join(folder, 'got');
    const takers: Store[] = [];
    const curlGet = () => execFileSync('curl', ['-sf', '-o', got, `${nginx.url}/cas/${hex}`]);
    const works = {
      curlPut: () => execFileSync('curl', ['-sf', '-T', file, `${nginx.url}/cas/curl`]),
      give: () => remote.putContent({ digest, size }, giver.blobs),
      curlGet,
      curlGetSync() {
        curlGet();
        execFileSync('sync', [got]);
      },
      bring: () => fetchContent(remote, takers.at(-1)!, digest, size),
    };
    const none = (): Record<keyof typeof works, number[]> => {
      return { curlPut: [], give: [], curlGet: [], curlGetSync: [], bring: [] };
    };
    const [seconds, cpu] = [none(), none()];
    for (let round = 0; round < Number(values.rounds); round++) {
      takers.push(await openStore(path.join(folder, `taker-${round}`)));
      for (const name of Object.keys(works) as (keyof typeof works)[]) {
        rmSync(got, { force: true });
        rmSync(path.join(cas, 'curl'), { force: true });
        if (name === 'give') rmSync(path.join(cas, hex), { force: true });
        execFileSync('sync', ['-f', folder]);
        const before = process.cpuUsage();
        seconds[name].push(await timed(works[name]));
        const { user, system } = process.cpuUsage(before);
        cpu[name].push((user + system) / 1e6);
      }
      await takers.at(-1)!.close();
      rmSync(takers.at(-1)!.dir, { recursive: true, force: true });
    }
    const ratios = (peer: keyof typeof works, own: keyof typeof works) => {
      const each = seconds[peer].map((time, round) => rounded(time / seconds[own][round]!));
      return { best: rounded(Math.min(...seconds[peer]) / Math.min(...seconds[own])), rounds: each };
    };
    console.log(
      JSON.stringify({
        benchmark: 'transfer',
        bytes: size,
        give_seconds: seconds.give.map(rounded),
        give_cpu_seconds: cpu.give.map(rounded),
        bring_seconds: seconds.bring.map(rounded),
        bring_cpu_seconds: cpu.bring.map(rounded),
        give_rate_to_curl: ratios('curlPut', 'give'),
        bring_rate_to_curl: ratios('curlGet', 'bring'),
        bring_rate_to_curl_and_sync: ratios('curlGetSync', 'bring'),
      }),
    );
  } finally {
    await giver.close();
    await nginx.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
