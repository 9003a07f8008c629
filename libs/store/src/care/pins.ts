import { readFile, rm } from 'node:fs/promises';
import type { Context } from '../context.ts';
import { type Digest, digestOf, isDigest } from '../disk/digest.ts';
import { StoreError } from '../disk/errors.ts';
import { publish, tolerate, writeFlushed } from '../disk/files.ts';
import { serialize } from '../disk/json.ts';
import { acquireLease } from '../leases/leases.ts';
import type { Pin } from './types.ts';

/** The lease under which pins are changed. */
const PINS = digestOf('sonde pins');

export async function readPins(context: Context): Promise<Pin[]> {
  const path = context.layout.pins;
  const text = await tolerate(['ENOENT'], readFile(path, 'utf8'));
  if (text === undefined) return [];
  try {
    const { pins } = JSON.parse(text) as { pins: Pin[] };
    if (pins.every((pin) => typeof pin.name === 'string' && pin.targets.every(isDigest))) return pins;
  } catch {
    // Said below.
  }
  throw new StoreError('corrupt', `${path} cannot be read as the list of pins.`, {
    hint: 'Repair or remove it; until then nothing is collected as garbage.',
    path,
  });
}

export async function setPin(context: Context, name: string, targets: readonly Digest[]): Promise<void> {
  const wrong = targets.find((target) => !isDigest(target));
  if (wrong !== undefined) throw new TypeError(`${JSON.stringify(wrong)} is not a key or digest.`);
  if (name === '') throw new TypeError('A pin needs a name.');
  await change(context, (pins) => [
    ...pins.filter((pin) => pin.name !== name),
    { name, targets, created: new Date().toISOString() },
  ]);
}

export async function removePin(context: Context, name: string): Promise<boolean> {
  let found = false;
  await change(context, (pins) => {
    found = pins.some((pin) => pin.name === name);
    return pins.filter((pin) => pin.name !== name);
  });
  return found;
}

async function change(context: Context, edit: (pins: Pin[]) => Pin[]): Promise<void> {
  const holder = await context.holder();
  const lease = await acquireLease(context.layout, holder, context.watch, PINS, { holder: 'pins' });
  const temporary = holder.temporary();
  try {
    const pins = edit(await readPins(context)).sort((a, b) => (a.name < b.name ? -1 : 1));
    await writeFlushed(temporary, `${serialize({ sonde: 'pins', pins: pins.map((pin) => ({ ...pin })) })}\n`);
    await publish(temporary, context.layout.pins);
  } finally {
    await rm(temporary, { force: true });
    await lease.release();
  }
}
