import { UserError } from '@sonde/base';
import type { Accelerator, Provider } from '@sonde/executor';
import { deviceEnvironment } from '@sonde/executor';

const FORM = /^(?:cpu|auto|webgpu|cuda(?::(\d+(?:,\d+)*))?)$/;

/**
 * The devices that `--device` names: none for the CPU. `auto` takes the first CUDA device if the provider is installed
 * and works.
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
  if (device === 'webgpu') return [{ provider: 'webgpu', index: 0 }];
  const indices = (form[1] ?? '0').split(',').map(Number);
  if (new Set(indices).size < indices.length) throw new UserError('usage', `--device ${device} names a device twice`);
  const accelerators = indices.map((index): Accelerator => ({ provider: 'cuda', index }));
  if (device !== 'auto') return accelerators;
  const { hasCudaLibrary } = await import('@sonde/engine');
  return hasCudaLibrary() && (await tryAccelerator(accelerators[0]!)) === null ? accelerators : [];
}

/** What is wrong with a device, or null. */
export async function tryAccelerator(accelerator: Accelerator): Promise<string | null> {
  const { tryProvider } = await import('@sonde/engine');
  const problem = await tryProvider(accelerator.provider, deviceEnvironment(accelerator, process.env));
  if (problem === null) return null;
  const name = accelerator.provider === 'cuda' ? `cuda:${accelerator.index}` : accelerator.provider;
  return `Device ${name} cannot be used. ${problem}`;
}

/** Makes this process see the device alone; says which provider it is of. */
export async function chooseDevice(device: string | undefined): Promise<Provider> {
  const [accelerator, ...others] = await acceleratorsOf(device);
  if (others.length > 0) throw new UserError('usage', `--device ${device} names several devices; one is needed here`);
  if (accelerator === undefined) return 'cpu';
  Object.assign(process.env, deviceEnvironment(accelerator, process.env));
  return accelerator.provider;
}
