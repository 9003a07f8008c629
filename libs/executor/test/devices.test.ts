import { afterEach, describe, expect, it } from 'vitest';
import { type Accelerator, deviceEnvironment, RunRefused } from '../src/index.ts';
import { file, graphOf } from './rig.ts';
import { useRig } from './use-rig.ts';

const rig = useRig();
const cuda = (...indices: number[]): Accelerator[] => indices.map((index) => ({ provider: 'cuda', index }));
const one = graphOf({ a: { kind: 'device' } });
const kept = process.env.CUDA_VISIBLE_DEVICES;
afterEach(() => {
  if (kept === undefined) delete process.env.CUDA_VISIBLE_DEVICES;
  else process.env.CUDA_VISIBLE_DEVICES = kept;
});

describe('a device', () => {
  it('computes what can use it, each worker seeing its own', async () => {
    delete process.env.CUDA_VISIBLE_DEVICES;
    const ran = await rig().run(one, { accelerators: cuda(3) });
    expect(ran.value('a')).toBe('cuda 3');
    expect(ran.all).toContainEqual(expect.objectContaining({ event: 'task.started', device: 'cuda:3' }));
  });

  it('is counted among those that the environment allows', () => {
    const environment = (index: number) =>
      deviceEnvironment({ provider: 'cuda', index }, { CUDA_VISIBLE_DEVICES: '4, 7' });
    expect(environment(1).CUDA_VISIBLE_DEVICES).toBe('7');
    expect(environment(2).CUDA_VISIBLE_DEVICES).toBe('');
    expect(deviceEnvironment({ provider: 'webgpu', index: 0 }, {})).toEqual({});
  });

  it('is not used by a step that asks for the CPU, or by a kind that computes there', async () => {
    const graph = graphOf({
      asked: { kind: 'device', resources: { device: 'cpu' } },
      asks: { kind: 'echo', with: { value: 1 }, resources: { device: 'gpu' } },
      plain: { kind: 'echo', with: { value: 2 } },
    });
    const ran = await rig().run(graph, { accelerators: cuda(0) });
    expect(ran.value('asked')).toMatch(/^cpu /);
    const devices = ran.all.flatMap((event) =>
      event.event === 'task.started' ? [`${event.task} ${event.device}`] : [],
    );
    expect(devices.sort()).toEqual(['asked cpu', 'asks cuda:0', 'plain cpu']);
  });

  it('is refused where a step asks for more of them than the run was given', async () => {
    const graph = (device: 'gpu' | 'any') => graphOf({ a: { kind: 'device', resources: { device, gpus: 2 } } });
    const refusal = async (...args: Parameters<ReturnType<typeof rig>['run']>) =>
      rig()
        .run(...args)
        .then(
          () => undefined,
          (error: RunRefused) => error.problems[0]?.message,
        );
    expect(await refusal(graph('gpu'), { accelerators: cuda(0) })).toMatch(/asks for 2 GPUs at once, .* given 1/);
    expect(await refusal(graph('any'), { accelerators: cuda(0) })).toMatch(/asks for 2 GPUs at once, .* given 1/);
    expect(await refusal(graph('gpu'), {})).toMatch(/asks for 2 GPUs, .* given none/);
    expect(await refusal(graph('any'), {})).toBeUndefined();
  });

  it('has a worker of its own for each number, which share the shards', async () => {
    const rows = rig().write('rows.txt', ['gate-1', 'x', 'gate-2', 'y'].join('\n'));
    const graph = graphOf({
      c: { kind: 'count', with: { rows: file(rows) }, resources: { device: 'gpu' } },
    });
    const running = rig().run(graph, { accelerators: cuda(0, 1), jobs: 1 });
    await Promise.all([rig().started('gate-1'), rig().started('gate-2')]);
    rig().openGate('gate-1');
    rig().openGate('gate-2');
    expect((await running).status).toBe('succeeded');
  });

  it('is in the fingerprint of what it computes, in a plan as in a run', async () => {
    await rig().run(one);
    const other = { accelerators: cuda(0) };
    const [planned] = (await rig().plan(one, other)).tasks;
    expect(planned).toMatchObject({ state: 'run', reason: { code: 'changed', fields: [{ was: 'cpu', now: 'cuda' }] } });
    const ran = await rig().run(one, other);
    expect(ran.records.get('a')!.key).toBe(planned!.key);
    expect((await rig().plan(one, { accelerators: cuda(5) })).summary.cached).toBe(1);
    expect((await rig().plan(one)).summary.cached).toBe(1);
  });

  it('that does not work is refused before anything starts, unless nothing is left for it to do', async () => {
    const broken = { accelerators: cuda(0), tryAccelerator: async () => 'The device is broken.' };
    const error: unknown = await rig()
      .run(one, broken)
      .catch((caught) => caught);
    expect(error).toBeInstanceOf(RunRefused);
    expect((error as RunRefused).problems).toMatchObject([{ code: 'device', message: 'The device is broken.' }]);
    await rig().run(one, { accelerators: cuda(0) });
    expect((await rig().run(one, broken)).counts.cached).toBe(1);
    expect((await rig().run(graphOf({ b: { kind: 'echo', with: { value: 1 } } }), broken)).status).toBe('succeeded');
  });
});
