import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import path from 'node:path';
import { freePort, untilAnswers } from './servers.ts';

const PROGRAM = ['/usr/sbin/nginx', '/usr/local/sbin/nginx', '/usr/bin/nginx'].find(existsSync);

export const hasNginx = PROGRAM !== undefined;

interface Options {
  /** Is asked for. */
  readonly token?: string;
  /** Files of a certificate and its key: it speaks TLS. */
  readonly tls?: { readonly certificate: string; readonly key: string };
}

/** A real nginx that takes PUT below `/sonde/`. */
export async function startNginx(
  folder: string,
  { token, tls }: Options = {},
): Promise<{ url: string; files: string; stop(): Promise<void> }> {
  const files = path.join(folder, 'files');
  for (const name of ['files', 'body', 'other']) await mkdir(path.join(folder, name), { recursive: true });
  const port = await freePort();
  const other = ['proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder}/other;`).join(' ');
  const guard = token === undefined ? '' : `if ($http_authorization != "Bearer ${token}") { return 401; }`;
  const secured = tls === undefined ? '' : `ssl_certificate ${tls.certificate}; ssl_certificate_key ${tls.key};`;
  await writeFile(
    path.join(folder, 'nginx.conf'),
    `${userInfo().uid === 0 ? 'user root;' : ''} daemon off; pid ${folder}/pid; error_log ${folder}/errors;
events {}
http {
  access_log off; client_body_temp_path ${folder}/body; ${other}
  server {
    listen 127.0.0.1:${port}${tls === undefined ? '' : ' ssl'}; ${secured}
    location /sonde/ { ${guard} root ${files}; dav_methods PUT; create_full_put_path on; client_max_body_size 0; }
  }
}
`,
  );
  const child = spawn(
    PROGRAM!,
    ['-p', folder, '-c', path.join(folder, 'nginx.conf'), '-e', path.join(folder, 'errors')],
    {
      stdio: 'ignore',
    },
  );
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const address = `127.0.0.1:${port}/sonde`;
  // Where it wants TLS it says so.
  await untilAnswers(`http://${address}`, child);
  return {
    url: `${tls === undefined ? 'http' : 'https'}://${address}`,
    files,
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}
