import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDeviceLocks, type DeviceLock } from '../src/backends/local/device-locks.ts';
import { cardOf, countCudaDevices, type DeviceHolder } from '../src/index.ts';
import { bundle, graphOf } from './rig.ts';
import { useRig } from './use-rig.ts';

const rig = useRig();
const folder = mkdtempSync(join(tmpdir(), 'sonde-locks-'));
const children = new Set<ChildProcess>();
let program = '';
beforeAll(async () => {
  chmodSync(folder, 0o755);
  program = await bundle('holder', folder);
});
afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

const someCard = () => `test-${randomUUID()}`;

/** Another process that asks for a card; what it says. */
async function otherProcess(card: string, user?: number): Promise<{ child: ChildProcess; said: string }> {
  const child = spawn(process.execPath, [program, card], {
    stdio: ['ignore', 'pipe', 'inherit'],
    ...(user === undefined ? {} : { uid: user, gid: user, cwd: '/' }),
  });
  children.add(child);
  const [said] = (await once(child.stdout!, 'data')) as [Buffer];
  return { child, said: said.toString().trim() };
}

async function waitFor(card: string): Promise<DeviceHolder | undefined> {
  let holder: DeviceHolder | undefined;
  await createDeviceLocks().wait(card, new AbortController().signal, (told) => {
    holder = told;
  });
  return holder;
}

/** Takes the card as a run does: the end of a process shows in its connections before its name is free. */
async function takeWhenFree(card: string): Promise<DeviceLock> {
  for (;;) {
    const lock = await createDeviceLocks().take(card);
    if (lock !== undefined) return lock;
    await waitFor(card);
  }
}

describe('a card', () => {
  it('is had by one process at a time, and free when that has died of whatever', async () => {
    const card = someCard();
    const locks = createDeviceLocks();
    const { child, said } = await otherProcess(card);
    expect(said).toBe('has it');
    expect((await otherProcess(card)).said).toBe('taken');
    expect(await locks.take(card)).toBeUndefined();
    const told = new Promise<DeviceHolder>((resolve) => {
      void locks.wait(card, new AbortController().signal, resolve).then(() => undefined);
    });
    expect(await told).toMatchObject({ pid: child.pid, since: expect.stringMatching(/^\d{4}-/) });
    const free = takeWhenFree(card);
    child.kill('SIGKILL');
    await (await free).release();
    expect(await locks.take(card).then((again) => again?.release())).toBeUndefined();
  });

  it.skipIf(process.getuid?.() !== 0)('is not had by two users (needs root, to be two)', async () => {
    const card = someCard();
    const { child, said } = await otherProcess(card, 65_534);
    expect(said).toBe('has it');
    expect(await createDeviceLocks().take(card)).toBeUndefined();
    const waiting = takeWhenFree(card);
    child.kill();
    const lock = await waiting;
    expect((await otherProcess(card, 65_534)).said).toBe('taken');
    await lock.release();
  });

  it('whose holder left a file behind when it died is free, where addresses are files', async () => {
    const address = (card: string) => join(folder, `${card}.sock`);
    const first = await createDeviceLocks(address).take('a');
    expect(await createDeviceLocks(address).take('a')).toBeUndefined();
    await first!.release();
    writeFileSync(address('a'), '');
    const second = await createDeviceLocks(address).take('a');
    expect(second).toBeDefined();
    await second!.release();
  });

  it('says who has it only in plain words, whatever a process says', async () => {
    const address = (card: string) => join(folder, `${card}.sock`);
    const { createServer } = await import('node:net');
    const server = createServer((socket) => {
      socket.end('{"pid": "1", "user": "\\u001b[31mroot", "since": "now"}\n');
    });
    await new Promise<void>((resolve) => server.listen(address('b'), resolve));
    const said: DeviceHolder[] = [];
    await createDeviceLocks(address).wait('b', new AbortController().signal, (holder) => said.push(holder));
    expect(said).toEqual([{}]);
    server.close();
  });
});

describe('a run', () => {
  it('says who has the device that it needs, and goes on when it is free', async () => {
    const card = someCard();
    const { child } = await otherProcess(card);
    const handle = rig().run(graphOf({ a: { kind: 'device' } }), {
      accelerators: [{ provider: 'cuda', index: 0, card }],
    });
    await rig().saw('device.waiting');
    child.kill();
    const ran = await handle;
    expect(ran.status).toBe('succeeded');
    expect(ran.all).toContainEqual(
      expect.objectContaining({
        event: 'device.waiting',
        device: 'cuda:0',
        holder: expect.objectContaining({ pid: child.pid }),
      }),
    );
    await (await takeWhenFree(card)).release();
  });

  it('gives a step that needs two devices both, and its process sees them', async () => {
    const card = someCard();
    const accelerators = [0, 1, 2].map((index) => ({ provider: 'cuda', index, card: `${card}-${index}` }) as const);
    const ran = await rig().run(graphOf({ a: { kind: 'device', resources: { device: 'gpu', gpus: 2 } } }), {
      accelerators,
    });
    expect(ran.all).toContainEqual(expect.objectContaining({ event: 'task.started', device: 'cuda:0,1' }));
    expect(ran.value('a')).toBe('cuda 0,1');
  });
});

describe('the name of a card', () => {
  const driver = join(folder, 'gpus');
  const uuids = ['GPU-aaaa-1', 'GPU-bbbb-2'];
  beforeAll(() => {
    for (const [index, uuid] of uuids.entries()) {
      const place = join(driver, `0000:${index}3:00.0`);
      mkdirSync(place, { recursive: true });
      writeFileSync(join(place, 'information'), `Model: \t\t A card\nIRQ:   \t\t 1\nGPU UUID: \t ${uuid}\n`);
    }
  });
  const name = (index: number, env = {}) => cardOf({ provider: 'cuda', index }, env, driver);

  it('is the same however it is counted', () => {
    expect(name(1)).toBe('GPU-bbbb-2');
    expect(name(0, { CUDA_VISIBLE_DEVICES: '1' })).toBe('GPU-bbbb-2');
    expect(name(1, { CUDA_VISIBLE_DEVICES: 'GPU-aaaa, GPU-bbbb' })).toBe('GPU-bbbb-2');
  });

  it('is its number here where the driver does not tell', () => {
    expect(cardOf({ provider: 'cuda', index: 1 }, { CUDA_VISIBLE_DEVICES: '4,7' }, join(folder, 'none'))).toBe(
      'cuda:7',
    );
    expect(name(0, { CUDA_VISIBLE_DEVICES: 'MIG-cccc' })).toBe('MIG-cccc');
    expect(name(1, { CUDA_DEVICE_ORDER: 'FASTEST_FIRST' })).toBe('cuda:1');
  });

  it('is one of as many as the environment or the driver says', () => {
    expect(countCudaDevices({}, driver)).toBe(2);
    expect(countCudaDevices({ CUDA_VISIBLE_DEVICES: '1' }, driver)).toBe(1);
    expect(countCudaDevices({}, join(folder, 'none'))).toBeUndefined();
  });
});
