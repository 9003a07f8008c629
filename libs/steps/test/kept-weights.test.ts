import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { resolveEmbedded } from '@sonde/embedded';
import type { RunValue } from '@sonde/executor';
import { openStore } from '@sonde/store';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keepQuantized } from '../src/shared/model/kept-weights.ts';
import { artifact, runStep, tableArtifact, temporaryFolder } from './harness.ts';

let work: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  work = await temporaryFolder();
});
afterAll(() => work.remove());

const checkpoint = artifact('model', 'some checkpoint');

/** A task in a store, and how often it has made weights. */
function taskIn(name: string) {
  const store = path.join(work.folder, name);
  const said: string[] = [];
  const context = {
    memory: { store, refresh: false },
    log: (_: string, message: string) => void said.push(message),
    signal: new AbortController().signal,
  };
  let made = 0;
  const write = async (file: string): Promise<void> => {
    made++;
    await writeFile(file, 'some weights');
  };
  const keep = keepQuantized(() => context, checkpoint);
  return { store, said, made: () => made, keep: (quantization = 'nf4') => keep({ quantization }, write), keepAs: keep };
}

async function statusOf(folder: string) {
  const store = await openStore(folder);
  const { results, blobs, bytes, leases, temporaryBytes } = await store.care.status();
  await store.close();
  return { results, blobs, bytes, leases, temporaryBytes };
}

describe('quantised weights that are kept in a store', () => {
  it('are made once, by one of those that want them at once, and each quantisation for itself', async () => {
    const [one, other] = [taskIn('once'), taskIn('once')];
    const paths = await Promise.all([one.keep(), other.keep(), one.keep()]);
    expect(new Set(paths).size).toBe(1);
    expect(await readFile(paths[0]!, 'utf8')).toBe('some weights');
    expect(one.made() + other.made()).toBe(1);
    await other.keep('int4');
    expect(one.made() + other.made()).toBe(2);
    expect(await statusOf(one.store)).toEqual({ results: 2, blobs: 1, bytes: 12, leases: 0, temporaryBytes: 0 });
  });

  it('are made anew where they were damaged', async () => {
    const { keep, made } = taskIn('damaged');
    const file = (await keep())!;
    await chmod(file, 0o644);
    await writeFile(file, 'SOME WEIGHTS');
    expect(await readFile((await keep())!, 'utf8')).toBe('some weights');
    expect(made()).toBe(2);
  });

  it('leave nothing behind where making them failed, and the failure is told', async () => {
    const { store, keepAs, keep } = taskIn('failed');
    const failing = keepAs({ quantization: 'nf4' }, async (file) => {
      await writeFile(file, 'half of');
      throw new Error('a weight is not a number');
    });
    await expect(failing).rejects.toThrow('a weight is not a number');
    expect(await statusOf(store)).toEqual({ results: 0, blobs: 0, bytes: 0, leases: 0, temporaryBytes: 0 });
    expect(await readFile((await keep())!, 'utf8')).toBe('some weights');
  });

  it('are made by the next where a process was killed half way, and what it wrote is gone', async () => {
    const { store, keep } = taskIn('killed');
    const program = path.join(import.meta.dirname, 'kept-weights-child.ts');
    const args = ['--import', 'tsx', program, store, checkpoint.digest];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    expect(String((await once(child.stdout, 'data'))[0])).toBe('writing\n');
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(await readFile((await keep())!, 'utf8')).toBe('some weights');
    expect(await statusOf(store)).toEqual({ results: 1, blobs: 1, bytes: 12, leases: 0, temporaryBytes: 0 });
    expect((await readdir(path.join(store, 'tmp'))).length).toBe(0);
  });

  it('go when nothing uses them and garbage is collected', async () => {
    const { store: folder, keep, made } = taskIn('collected');
    await keep();
    const store = await openStore(folder);
    expect((await store.care.gc({ graceSeconds: -60 })).blobs).toBe(1);
    await store.close();
    expect(await statusOf(folder)).toMatchObject({ results: 0, blobs: 0 });
    await keep();
    expect(made()).toBe(2);
  });

  it('are not kept, with a word, where the store cannot be written to', async () => {
    const { store, said, keepAs } = taskIn('read-only');
    const kept = keepAs({ quantization: 'nf4' }, async () => {
      throw Object.assign(new Error(`ENOSPC: no space left on device, write '${store}'`), { code: 'ENOSPC' });
    });
    expect(await kept).toBeNull();
    expect(said).toEqual([expect.stringContaining('Quantised weights are not kept')]);
  });

  it('give a step the bytes that it gives without them', async () => {
    const ref = artifact('model', resolveEmbedded('parlour-base').path);
    const prompts: RunValue = await tableArtifact(work.folder, [
      { prompt_id: 'a', rendered: 'The baker says', span_start: 0, span_end: 14 },
    ]);
    const store = path.join(work.folder, 'step');
    const statesOf = async (quantization: string, more: Parameters<typeof runStep>[3] = {}) => {
      const config = { model: { ref, quantization }, prompts, pool: ['prompt'] };
      const { path: at } = await runStep('activations/capture', work.folder, config, more);
      return readFile(path.join(at('states'), 'states.safetensors'));
    };
    const memory = { store, refresh: false };
    const nf4 = await statesOf('nf4', { memory });
    expect((await statusOf(store)).results).toBe(1);
    await statesOf('int8', { memory });
    expect(await statesOf('nf4', { memory })).toEqual(nf4);
    expect(await statesOf('int4')).not.toEqual(nf4);
    expect(await statesOf('nf4')).toEqual(nf4);
    expect((await statusOf(store)).results).toBe(2);
  });
});
