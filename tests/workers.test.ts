import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runPipeline, sonde, startSonde, temporaryFolder } from './sonde.ts';

let folder: string;
let remove: () => Promise<void>;
beforeAll(async () => {
  ({ folder, remove } = await temporaryFolder());
  await writeFile(path.join(folder, 'p.yaml'), PIPELINE);
});
afterAll(() => remove());

const PIPELINE = `sonde: 1
name: small
steps:
  prompts: { uses: prompts/sample, with: { source: embedded:parlour-prompts, count: 6 } }
  states:
    uses: activations/capture
    matrix: { model: [embedded:parlour-base, embedded:parlour-rude] }
    with: { model: "\${{ matrix.model }}", prompts: "\${{ steps.prompts.outputs.prompts }}", pool: [prompt] }
`;

const DIGESTS = /"outputs":(\{[^}]*\})/;

describe('sonde run --executor workers', () => {
  it('has what is large done by `sonde work`, small things beside it; the bytes are those of a run on one machine', async () => {
    const worker = startSonde(folder, ['work', '--json', '--jobs', '1', '--device', 'cpu', '--idle', '600']);
    const away = await runPipeline(folder, 'p.yaml', '--executor', 'workers');
    worker.child.kill('SIGTERM');
    expect(away.status).toBe(0);
    expect(away.counts).toEqual({ cached: 0, ran: 3, failed: 0, skipped: 0 });
    expect(away.events.filter(({ event }) => event === 'task.queued').map(({ step }) => step)).toEqual([
      'states',
      'states',
    ]);
    const { status, stdout } = await worker.ended;
    expect(status).toBe(0);
    expect(JSON.parse(stdout.trim().split('\n').at(-1)!)).toEqual({ done: 2, failed: 0, strange: 0 });
    const here = await runPipeline(folder, 'p.yaml', '--store', path.join(folder, 'other'));
    const outputs = (events: readonly object[]) =>
      events.flatMap((event) => DIGESTS.exec(JSON.stringify(event))?.[1] ?? []).sort();
    expect(outputs(away.events)).toEqual(outputs(here.events));
  });

  it('goes on in the background with --detach, and shows what waits and what is at work', async () => {
    const store = path.join(folder, 'detached');
    const { status, stdout } = await sonde(folder, [
      'run',
      'p.yaml',
      '--store',
      store,
      '--executor',
      'workers',
      '--here',
      'none',
      '--detach',
      '--json',
    ]);
    expect(status).toBe(0);
    const { run, pid } = JSON.parse(stdout) as { run: string; pid: number };
    const seen = async () => JSON.parse((await sonde(folder, ['runs', '--store', store, '--json'])).stdout);
    let told = await seen();
    while (told.waiting.length === 0) told = await seen();
    expect(told).toMatchObject({
      runs: [{ id: run, status: 'running' }],
      waiting: [{ shape: 'cpu', orders: 1 }],
      work: [],
    });
    await sonde(folder, ['work', '--store', store, '--jobs', '1', '--device', 'cpu', '--idle', '8']);
    while (existsSync(`/proc/${pid}`)) await sonde(folder, ['runs', '--store', store]);
    expect(await seen()).toMatchObject({ runs: [{ id: run, status: 'succeeded' }], waiting: [], work: [] });
  });

  it('is brought to its end by nobody when the one in the background is killed, which `sonde runs` says; the same command takes it up', async () => {
    const store = path.join(folder, 'unattended');
    const away = ['p.yaml', '--store', store, '--executor', 'workers', '--here', 'none'];
    const work = ['work', '--store', store, '--jobs', '1', '--device', 'cpu', '--idle'];
    const detached = await sonde(folder, ['run', ...away, '--detach', '--json']);
    const { run, pid } = JSON.parse(detached.stdout) as { run: string; pid: number };
    const runs = async () => JSON.parse((await sonde(folder, ['runs', '--store', store, '--json'])).stdout);
    while ((await runs()).waiting.length === 0);
    expect(await runs()).toMatchObject({ stopped: [] });
    process.kill(pid, 'SIGKILL');
    while (existsSync(`/proc/${pid}`)) await wait(50);
    // What is ready is done, and what would be ready then is asked for by nobody.
    const worker = await sonde(folder, [...work, '1']);
    expect(worker.stderr).toContain('1 order done');
    expect(await runs()).toMatchObject({ runs: [{ id: run, status: 'died' }], waiting: [], stopped: [run] });
    const told = (await sonde(folder, ['runs', '--store', store])).stdout;
    expect(told).toContain('its controller is gone');
    expect(told).toContain(`sonde run p.yaml --store ${store} takes it up`);
    const other = startSonde(folder, [...work, '600']);
    const again = await runPipeline(folder, away[0]!, ...away.slice(1));
    other.child.kill('SIGTERM');
    expect(again.counts).toMatchObject({ cached: 1, ran: 2, failed: 0 });
    expect(await runs()).toMatchObject({ stopped: [] });
    await other.ended;
  });

  it('gives what workers have done to another store, also what an earlier run did not see the end of', async () => {
    const [store, remote] = [path.join(folder, 'giving'), path.join(folder, 'given')];
    const away = ['p.yaml', '--store', store, '--executor', 'workers', '--here', 'none'];
    const worker = startSonde(folder, ['work', '--store', store, '--jobs', '1', '--device', 'cpu', '--idle', '600']);
    const first = startSonde(folder, ['run', ...away, '--json']);
    await first.until(({ event, step }) => event === 'task.finished' && step === 'prompts');
    first.child.kill('SIGKILL');
    await first.ended;
    const second = await runPipeline(folder, away[0]!, ...away.slice(1), '--remote', remote, '--remote-write');
    worker.child.kill('SIGTERM');
    await worker.ended;
    expect(second.status, second.stderr).toBe(0);
    const elsewhere = await runPipeline(folder, 'p.yaml', '--store', path.join(folder, 'fresh'), '--remote', remote);
    expect(elsewhere.counts).toEqual({ cached: 3, ran: 0, failed: 0, skipped: 0 });
  });

  it('says of a run that cannot start why, also with --detach', async () => {
    const { status, stderr } = await sonde(folder, ['run', 'p.yaml', 'nothing', '--executor', 'workers', '--detach']);
    expect(stderr).toContain('The pipeline has no step `nothing`.');
    expect(status).toBe(2);
  });

  it('refuses an executor that there is not, and devices by number', async () => {
    const strange = await sonde(folder, ['run', 'p.yaml', '--executor', 'cluster']);
    expect(strange).toMatchObject({ status: 2, stderr: expect.stringContaining('There are: local, workers') });
    const device = await sonde(folder, ['plan', 'p.yaml', '--executor', 'workers', '--device', 'cuda:0']);
    expect(device).toMatchObject({ status: 2, stderr: expect.stringContaining('Write cpu, cuda or webgpu.') });
    const shape = await sonde(folder, ['work', '--shape', '../x']);
    expect(shape).toMatchObject({ status: 2, stderr: expect.stringContaining('is no shape') });
  });
});

describe('a run on workers that is killed with its workers again and again', () => {
  it('ends with every result, each counted once', async () => {
    const store = path.join(folder, 'killed');
    const args = ['run', 'p.yaml', '--store', store, '--executor', 'workers', '--here', 'none', '--json'];
    const worker = () => startSonde(folder, ['work', '--store', store, '--json', '--jobs', '1', '--device', 'cpu']);
    let [run, work] = [startSonde(folder, args), worker()];
    let said = '';
    for (const victim of ['run', 'work', 'both', 'run'] as const) {
      // At whatever the first of them does next.
      await Promise.race([run.until(({ event }) => event.startsWith('task.')), run.ended]);
      if (victim !== 'work') run.child.kill('SIGKILL');
      if (victim !== 'run') work.child.kill('SIGKILL');
      if (victim !== 'work') {
        said += (await run.ended).stdout;
        run = startSonde(folder, args);
      }
      if (victim !== 'run') work = worker();
    }
    const last = await run.ended;
    said += last.stdout;
    work.child.kill('SIGTERM');
    await work.ended;
    expect(last.status).toBe(0);
    const finished = [...said.matchAll(/"event":"task\.finished","task":"([^"]+)"/g)].map(([, task]) => task!);
    expect(finished).toEqual([...new Set(finished)]);
    const whole = await runPipeline(folder, 'p.yaml', '--store', store);
    expect(whole.counts).toEqual({ cached: 3, ran: 0, failed: 0, skipped: 0 });
  });
});
