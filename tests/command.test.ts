// What a program of the user's own can see, and what is left of it.
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sonde, temporaryFolder } from './sonde.ts';

let folder: string;
let remove: () => Promise<void>;
beforeAll(async () => ({ folder, remove } = await temporaryFolder()));
afterAll(() => remove());

const pipeline = async (script: string, ...settings: readonly string[]): Promise<string> => {
  const file = path.join(folder, 'pipeline.yaml');
  await writeFile(
    file,
    `sonde: 1
name: own
steps:
  a:
    uses: command
${settings.map((line) => `    ${line}\n`).join('')}    with:
      argv: [sh, -c, ${JSON.stringify(script)}, sh, "\${{ outputs.t }}"]
      outputs: { t: { type: file, file: t.txt } }
outputs: { t: "\${{ steps.a.outputs.t }}" }
`,
  );
  return file;
};

describe.skipIf(process.platform !== 'linux')('a command (Linux)', () => {
  it('does not find the secrets of the environment in its worker', async () => {
    const file = await pipeline('cat /proc/$PPID/environ > "$1"');
    const ran = await sonde(folder, ['run', file, '--allow-code'], {
      HF_TOKEN: 'hf_secret',
      OPENAI_API_KEY: 'sk-secret',
    });
    expect(ran.stderr).toContain('done');
    const seen = await readFile(path.join(folder, 'results', 'own', 't.txt'), 'utf8');
    expect(seen).toContain('SONDE_WORKER=');
    expect(seen).not.toContain('secret');
  });

  it('is ended at its timeout with what has left its process group', async () => {
    const pid = path.join(folder, 'pid.txt');
    let left = '';
    // A busy machine may take longer than that to start the program.
    for (let seconds = 2; left === ''; seconds *= 2) {
      const file = await pipeline(`setsid sh -c 'echo $$ > ${pid}; sleep 600' & sleep 600`, `timeout: ${seconds}s`);
      const ran = await sonde(folder, ['run', file, '--allow-code']);
      expect(ran.stdout + ran.stderr).toContain('ran longer than its timeout');
      left = (await readFile(pid, 'utf8').catch(() => '')).trim();
    }
    const commandLine = () => readFile(`/proc/${left}/cmdline`, 'utf8').catch(() => '');
    while ((await commandLine()) !== '') await setImmediate();
  });
});
