import { hasCudaLibrary } from '@sonde/engine';
import { describe, expect, it } from 'vitest';
import { acceleratorsOf } from '../src/devices.ts';

describe('--device', () => {
  it('names no accelerator, one, or several', async () => {
    expect(await acceleratorsOf('cpu')).toEqual([]);
    expect(await acceleratorsOf('cuda')).toMatchObject([{ provider: 'cuda', index: 0 }]);
    expect(await acceleratorsOf('cuda:2,0')).toMatchObject([
      { provider: 'cuda', index: 2 },
      { provider: 'cuda', index: 0 },
    ]);
    expect(await acceleratorsOf('webgpu')).toEqual([{ provider: 'webgpu', index: 0, card: 'webgpu:0' }]);
  });

  it.skipIf(hasCudaLibrary())('auto is the CPU where there is no CUDA provider', async () => {
    expect(await acceleratorsOf()).toEqual([]);
    expect(await acceleratorsOf('auto')).toEqual([]);
  });

  it.each(['', 'gpu', 'cuda:', 'cuda:x', 'cuda:0,', 'cpu:0', 'cuda:1,1'])('%j is none', async (device) => {
    await expect(acceleratorsOf(device)).rejects.toThrow('--device');
  });
});
