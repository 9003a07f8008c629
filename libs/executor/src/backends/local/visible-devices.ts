import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Accelerator } from '../../provider.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Where NVIDIA's driver on Linux lists its cards: a folder each, named by its place on the PCI bus. */
const DRIVER = '/proc/driver/nvidia/gpus';

/** What makes a process see this device alone; its number is then the one that nvidia-smi gives it. */
export function deviceEnvironment({ provider, index }: Accelerator, env: Environment): Record<string, string> {
  if (provider !== 'cuda') return {};
  const visible = namesIn(env);
  return {
    CUDA_DEVICE_ORDER: env.CUDA_DEVICE_ORDER ?? 'PCI_BUS_ID',
    // Past the end of the list nothing is visible, and CUDA says that there is no device.
    CUDA_VISIBLE_DEVICES: visible ? (visible[index] ?? '') : String(index),
  };
}

/** How many CUDA devices this process may use, as far as the environment or the driver tells. */
export function countCudaDevices(env: Environment, driver = DRIVER): number | undefined {
  const cards = cardsOf(driver);
  return namesIn(env)?.length ?? (cards.length === 0 ? undefined : cards.length);
}

/**
 * Which card a device is, however it is counted here: the same for every process of the machine. Its own number (UUID)
 * where the driver tells, else what it is called here.
 */
export function cardOf({ provider, index }: Omit<Accelerator, 'card'>, env: Environment, driver = DRIVER): string {
  if (provider !== 'cuda') return `${provider}:${index}`;
  const name = namesIn(env)?.[index] ?? String(index);
  const cards = cardsOf(driver);
  // Counted along the bus, unless the environment wants another order, which CUDA alone knows.
  const byNumber = /^\d+$/.test(name) && (env.CUDA_DEVICE_ORDER ?? 'PCI_BUS_ID') === 'PCI_BUS_ID';
  const card = byNumber ? cards[Number(name)] : cards.find((uuid) => name !== '' && uuid.startsWith(name));
  return card ?? (/^\d+$/.test(name) ? `cuda:${name}` : name);
}

/** CUDA_VISIBLE_DEVICES: numbers, or the beginnings of UUIDs. */
function namesIn({ CUDA_VISIBLE_DEVICES }: Environment): string[] | undefined {
  return CUDA_VISIBLE_DEVICES?.split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

/** The UUIDs of the driver's cards, along the bus; `GPU-4f3c…`. */
function cardsOf(driver: string): string[] {
  try {
    return readdirSync(driver)
      .sort()
      .map(
        (place) => /^GPU UUID:\s*(\S+)/m.exec(readFileSync(join(driver, place, 'information'), 'utf8'))?.[1] ?? place,
      );
  } catch {
    // Another driver, or another system.
    return [];
  }
}
