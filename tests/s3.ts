import { execFileSync, spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { freePort, untilAnswers } from './servers.ts';

/** Whether rclone is here, in a version that serves buckets (1.65 and later). */
export const hasS3Server = (() => {
  try {
    return execFileSync('rclone', ['serve', 's3', '--help'], { stdio: 'pipe' }).includes('--auth-key');
  } catch {
    return false;
  }
})();

export const KEY = { AWS_ACCESS_KEY_ID: 'sonde-test', AWS_SECRET_ACCESS_KEY: 'a-secret-of-the-test' };

/** A server of the S3 protocol that checks signatures, with one bucket `results`. */
export async function startS3Server(folder: string): Promise<{ endpoint: string; stop(): Promise<void> }> {
  await mkdir(path.join(folder, 'results'), { recursive: true });
  const port = await freePort();
  const auth = `${KEY.AWS_ACCESS_KEY_ID},${KEY.AWS_SECRET_ACCESS_KEY}`;
  const child = spawn('rclone', ['serve', 's3', '--auth-key', auth, '--addr', `127.0.0.1:${port}`, folder], {
    stdio: 'ignore',
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const endpoint = `http://127.0.0.1:${port}`;
  await untilAnswers(endpoint, child);
  return {
    endpoint,
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}
