import { spawnSync } from 'node:child_process';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { experiment } from './experiment.ts';
import { hasNginx, startNginx } from './nginx.ts';
import { hasS3Server, KEY, startS3Server } from './s3.ts';
import { runPipeline, sonde, temporaryFolder } from './sonde.ts';

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

let folder: string;
let remove: () => Promise<void>;
beforeAll(async () => {
  ({ folder, remove } = await temporaryFolder());
  await writeFile(path.join(folder, 'p.yaml'), experiment());
});
afterAll(() => remove());

/** Another machine: its own folder and store, the same file. */
async function machine(name: string): Promise<string> {
  const place = path.join(folder, name);
  await mkdir(place, { recursive: true });
  await writeFile(path.join(place, 'p.yaml'), experiment());
  return place;
}

async function throughAndBack(remote: string): Promise<void> {
  const first = await runPipeline(folder, 'p.yaml', '--remote', remote, '--remote-write');
  expect(first.status, first.stderr).toBe(0);
  const again = await sonde(folder, ['store', 'push', 'p.yaml', '--remote', remote, '--verify', '--json']);
  expect(JSON.parse(again.stdout)).toMatchObject({ problems: [] });
}

describe('results shared through a folder', () => {
  it('are hits on another machine, all of them, and its own when they are pulled', async () => {
    const remote = path.join(folder, 'shared');
    await throughAndBack(remote);
    const there = await machine('there');
    const plan = await sonde(there, ['plan', 'p.yaml', '--remote', remote]);
    expect(plan.stdout).toMatch(/0 to run, (\d+) cached, \1 of them in another store/);
    const run = await runPipeline(there, 'p.yaml', '--remote', remote);
    expect(run.ran).toEqual([]);
    const pulled = await machine('pulled');
    const pull = await sonde(pulled, ['store', 'pull', 'p.yaml', '--remote', remote, '--json']);
    expect(JSON.parse(pull.stdout)).toMatchObject({ problems: [], results: run.counts.cached });
    expect((await sonde(pulled, ['plan', 'p.yaml'])).stdout).toMatch(/^0 to run, \d+ cached\n$/);
  });

  it('are checked there also where they are here, at the store that was named first', async () => {
    const remote = path.join(folder, 'checked');
    expect((await sonde(folder, ['store', 'push', 'p.yaml', 'prompts', '--remote', remote])).status).toBe(0);
    const checked = await sonde(folder, ['store', 'pull', 'p.yaml', '--remote', remote, '--verify', '--json']);
    expect(checked.status, checked.stderr).toBe(0);
    expect(JSON.parse(checked.stdout)).toMatchObject({ remote, results: 1, problems: [] });
  });

  it('are not said to be pulled, all of them, where a store that may have them is away', async () => {
    const remote = path.join(folder, 'partial');
    expect((await sonde(folder, ['store', 'push', 'p.yaml', 'prompts', '--remote', remote])).status).toBe(0);
    const away = path.join(folder, 'not-mounted');
    const there = await machine('puller');
    const pull = (...more: string[]) =>
      sonde(there, ['store', 'pull', 'p.yaml', ...more, '--remote', away, '--remote', remote, '--json']);
    const all = await pull();
    expect(JSON.parse(all.stdout)).toMatchObject({ remote, results: 1, problems: [`the folder ${away} is not there`] });
    expect(all.status).toBe(1);
    const whole = await pull('prompts');
    expect(JSON.parse(whole.stdout)).toMatchObject({ results: 0, problems: [] });
    expect(whole.status).toBe(0);
    const plan = await sonde(there, ['plan', 'p.yaml', '--remote', away]);
    expect(plan).toMatchObject({ status: 0, stderr: expect.stringContaining(`the folder ${away} is not there`) });
  });

  it('are given anew where what lies there is of another size, or is seen to be of other bytes', async () => {
    const remote = path.join(folder, 'mended');
    const push = (...more: string[]) => sonde(folder, ['store', 'push', 'p.yaml', '--remote', remote, ...more]);
    expect((await push()).status).toBe(0);
    const files = (await readdir(path.join(remote, 'cas'), { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map((entry) => path.join(entry.parentPath, entry.name));
    const before = await Promise.all(files.map((file) => readFile(file)));
    for (const [at, file] of files.entries()) {
      const bytes = before[at]!;
      await writeFile(file, at % 2 === 0 ? bytes.subarray(0, bytes.length / 2) : bytes.map((byte) => byte ^ 1));
    }
    const pushed = await push('--verify');
    expect(pushed, pushed.stderr).toMatchObject({ status: 0, stdout: expect.stringContaining('is of other bytes') });
    expect(pushed.stdout).toMatch(/^replaced /m);
    expect(await Promise.all(files.map((file) => readFile(file)))).toEqual(before);
    expect((await push('--verify')).stdout).not.toContain('replaced');
  });

  it('are computed where the other store has lost or changed their bytes', async () => {
    const remote = path.join(folder, 'damaged');
    expect((await sonde(folder, ['store', 'push', 'p.yaml', '--remote', remote])).status).toBe(0);
    const cas = path.join(remote, 'cas');
    for (const shard of await readdir(cas)) {
      for (const name of await readdir(path.join(cas, shard)))
        await writeFile(path.join(cas, shard, name), 'other bytes');
    }
    const verified = await sonde(await machine('checker'), ['store', 'pull', 'p.yaml', '--remote', remote, '--verify']);
    expect(verified).toMatchObject({ status: 1, stdout: expect.stringContaining('of other bytes') });
    const there = await machine('suspicious');
    const run = await runPipeline(there, 'p.yaml', '--remote', remote);
    expect(run.status, run.stderr).toBe(0);
    expect(run.counts.failed).toBe(0);
    expect((await sonde(there, ['store', 'verify'])).stdout).toContain('all sound');
    await rm(cas, { recursive: true });
    const lost = await sonde(await machine('checker'), ['store', 'pull', 'p.yaml', '--remote', remote, '--verify']);
    expect(lost).toMatchObject({ status: 1, stdout: expect.stringContaining('is missing') });
  });
});

describe.skipIf(!hasNginx)('results shared through nginx', () => {
  it('are hits on another machine', async () => {
    const nginx = await startNginx(path.join(folder, 'nginx'), { token: 'open-sesame' });
    try {
      process.env.SONDE_REMOTE_TOKEN = 'open-sesame';
      await throughAndBack(nginx.url);
      const run = await runPipeline(await machine('over-http'), 'p.yaml', '--remote', nginx.url);
      expect(run.ran).toEqual([]);
      process.env.SONDE_REMOTE_TOKEN = 'wrong';
      const refused = await sonde(await machine('stranger'), ['plan', 'p.yaml', '--remote', nginx.url]);
      expect(refused.stdout).toContain(' to run');
    } finally {
      delete process.env.SONDE_REMOTE_TOKEN;
      await nginx.stop();
    }
  });
});

describe.skipIf(!hasNginx || !hasOpenssl)('results shared through nginx by TLS', () => {
  it('are hits on another machine that is told whom to trust; another is told why not', async () => {
    const [certificate, key] = [path.join(folder, 'certificate.pem'), path.join(folder, 'key.pem')];
    const made = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=sonde'];
    spawnSync('openssl', [...made, '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', certificate]);
    const nginx = await startNginx(path.join(folder, 'tls'), { tls: { certificate, key } });
    try {
      const stranger = await sonde(folder, ['store', 'push', 'p.yaml', 'prompts', '--remote', nginx.url]);
      expect(stranger.status).toBe(2);
      expect(stranger.stderr).toMatch(
        /the certificate of [^ ]+ is not accepted: self.signed[\s\S]*NODE_EXTRA_CA_CERTS/,
      );
      process.env.NODE_EXTRA_CA_CERTS = certificate;
      await throughAndBack(nginx.url);
      const run = await runPipeline(await machine('over-tls'), 'p.yaml', '--remote', nginx.url);
      expect(run.ran).toEqual([]);
    } finally {
      delete process.env.NODE_EXTRA_CA_CERTS;
      await nginx.stop();
    }
  });
});

describe.skipIf(!hasS3Server)('results shared through a bucket', () => {
  it('are hits on another machine, for who has the key', async () => {
    const server = await startS3Server(path.join(folder, 's3'));
    const env = { ...KEY, AWS_ENDPOINT_URL: server.endpoint };
    try {
      Object.assign(process.env, env);
      await throughAndBack('s3://results/group');
      const run = await runPipeline(await machine('over-s3'), 'p.yaml', '--remote', 's3://results/group');
      expect(run.ran).toEqual([]);
      process.env.AWS_SECRET_ACCESS_KEY = 'wrong';
      const refused = await sonde(await machine('thief'), ['plan', 'p.yaml', '--remote', 's3://results/group']);
      expect(refused.stdout).toMatch(/^\d+ to run/m);
      expect(refused.stderr).toContain('does not give results (403');
    } finally {
      for (const name of Object.keys(env)) delete process.env[name];
      await server.stop();
    }
  });
});

describe('the settings of other stores', () => {
  it('are read from the user’s folder, and what is wrong in them is said', async () => {
    const config = path.join(folder, 'config');
    await mkdir(path.join(config, 'sonde'), { recursive: true });
    const settings = path.join(config, 'sonde/config.yaml');
    const env = { XDG_CONFIG_HOME: config };
    await writeFile(settings, `remotes: [{ url: ${path.join(folder, 'shared')} }]\n`);
    const place = await machine('settings');
    expect((await sonde(place, ['plan', 'p.yaml'], env)).stdout).toContain('in another store');
    expect((await sonde(place, ['plan', 'p.yaml', '--no-remote'], env)).stdout).not.toContain('in another store');
    await writeFile(settings, 'remotes: [{ uri: x }]\n');
    expect(await sonde(place, ['plan', 'p.yaml'], env)).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/config\.yaml:1:13: error SND104: .*`uri`[\s\S]*did you mean `url`\?/),
    });
    const address = await sonde(place, ['plan', 'p.yaml', '--remote', 'https://me:secret@example.org/x']);
    expect(address.status).toBe(2);
    expect(address.stderr).not.toContain('secret');
  });
});
