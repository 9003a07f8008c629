import { UserError } from '@sonde/base';
import {
  type Accelerator,
  cardOf,
  countCudaDevices,
  createDeviceLocks,
  deviceEnvironment,
  type Provider,
} from '@sonde/executor';

const FORM = /^(?:cpu|auto|webgpu|cuda(?::(\d+(?:,\d+)*))?)$/;

/**
 * The devices that `--device` names: none for the CPU. `auto` takes all CUDA devices if the provider is installed and the
 * first works.
 */
export async function acceleratorsOf(device = 'auto'): Promise<readonly Accelerator[]> {
  const form = FORM.exec(device);
  if (form === null) {
    throw new UserError(
      'usage',
      `--device ${device} is no device`,
      'Write cpu, cuda, cuda:0 or cuda:0,1 (one worker for each), webgpu, or auto.',
    );
  }
  if (device === 'cpu') return [];
  if (device === 'webgpu') return [deviceAt('webgpu', 0)];
  if (device === 'auto') return allThatWork();
  const indices = (form[1] ?? '0').split(',').map(Number);
  if (new Set(indices).size < indices.length) throw new UserError('usage', `--device ${device} names a device twice`);
  return indices.map((index) => deviceAt('cuda', index));
}

async function allThatWork(): Promise<readonly Accelerator[]> {
  const { hasCudaLibrary } = await import('@sonde/engine');
  if (!hasCudaLibrary() || (await tryAccelerator(deviceAt('cuda', 0))) !== null) return [];
  return Array.from({ length: countCudaDevices(process.env) ?? 1 }, (_, index) => deviceAt('cuda', index));
}

function deviceAt(provider: Accelerator['provider'], index: number): Accelerator {
  return { provider, index, card: cardOf({ provider, index }, process.env) };
}

/** What is wrong with a device, or null; also null while another process has it, for then its memory may be full. */
export async function tryAccelerator(accelerator: Accelerator): Promise<string | null> {
  const { provider, index, card } = accelerator;
  const lock = card === undefined ? undefined : await createDeviceLocks().take(card);
  if (card !== undefined && lock === undefined) return null;
  try {
    const { tryProvider } = await import('@sonde/engine');
    const problem = await tryProvider(provider, deviceEnvironment(accelerator, process.env));
    if (problem === null) return null;
    return `Device ${provider === 'cuda' ? `cuda:${index}` : provider} cannot be used. ${problem}`;
  } finally {
    await lock?.release();
  }
}

/** Makes this process see one device alone, of `auto` the first; says which provider it is of. */
export async function chooseDevice(device = 'auto'): Promise<Provider> {
  const [accelerator, ...others] = await acceleratorsOf(device);
  if (others.length > 0 && device !== 'auto') {
    throw new UserError('usage', `--device ${device} names several devices; one is needed here`);
  }
  if (accelerator === undefined) return 'cpu';
  Object.assign(process.env, deviceEnvironment(accelerator, process.env));
  return accelerator.provider;
}
