import { describe, expect, it } from 'vitest';
import { resourcesAfter } from '../src/index.ts';
import { graph, task } from './help.ts';

describe('resources', () => {
  it('are asked for by expressions of the axes', async () => {
    const found = await graph(`
params: { gpus: { small: 1, large: 4 } }
steps:
  a:
    uses: text/generate
    matrix: { model: [small, large] }
    resources: { gpus: "\${{ params.gpus[matrix.model] }}", memory: 2GiB }
    with: { model: "\${{ matrix.model }}", prompts: p.jsonl }
`);
    expect(task(found, 'a[model=large]').resources).toEqual({ device: 'gpu', gpus: 4, memoryBytes: 2 ** 31 });
    expect(task(found, 'a[model=small]').resources.gpus).toBe(1);
  });

  it('must be there where a number of GPUs is asked for, unless any device will do', async () => {
    const body = (resources: string) =>
      `steps:\n  a: { uses: prompts/sample, with: { source: x.jsonl }, resources: ${resources} }`;
    expect(task(await graph(body('{ gpus: 2 }')), 'a').resources).toEqual({ device: 'gpu', gpus: 2 });
    expect(task(await graph(body('{ gpus: 2, device: any }')), 'a').resources).toEqual({ device: 'any', gpus: 2 });
    expect(task(await graph(body('{ cpus: 2 }')), 'a').resources).toEqual({ device: 'any', cpus: 2 });
  });
});

describe('on_failure', () => {
  it('gives more with each failure of the sort', async () => {
    const found = await graph(`
steps:
  a:
    uses: prompts/sample
    resources: { memory: 1GiB, time: 1h }
    timeout: 30m
    on_failure: { memory: x2, time: x1.5 }
    with: { source: x.jsonl }
`);
    const node = task(found, 'a');
    expect(node).toMatchObject({ retries: 1, onFailure: { memory: 2, time: 1.5 } });
    expect(resourcesAfter(node, { memory: 2, time: 1 })).toEqual({
      resources: { device: 'any', memoryBytes: 2 ** 32, timeSeconds: 5400 },
      timeoutSeconds: 2700,
    });
    expect(resourcesAfter(node, { memory: 0, time: 0 }).resources).toEqual(node.resources);
  });

  it('leaves the number of retries to who gives it', async () => {
    const found = await graph(
      'steps:\n  a: { uses: prompts/sample, with: { source: x.jsonl }, retries: 0, on_failure: { memory: x2 } }',
    );
    expect(task(found, 'a').retries).toBe(0);
  });
});
