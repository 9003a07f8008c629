import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { UserError } from '@sonde/base';
import { DataUnknown, type RemoteSource } from '@sonde/data';
import type { DataRef } from '@sonde/pipeline';
import { describe, expect, it } from 'vitest';
import { estimateGraph, type InputArtifact, RunRefused, type StepKind } from '../src/index.ts';
import { kinds } from './fixtures/kinds.ts';
import { file, graphOf, sources } from './rig.ts';
import { useRig } from './use-rig.ts';

const rig = useRig();
const digestOf = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`;
const ref = (name: string): DataRef => ({ ...file(name), scheme: 'hf', ref: `hf:${name}` });

/** Another machine that has one text under every name; `known`: it need not be asked what the names stand for. */
function remoteText(text: string, options: { known?: boolean; sends?: string; fails?: string } = {}) {
  const asked: string[] = [];
  const fetched: string[] = [];
  const describeData = (name: string) => ({
    type: 'file' as const,
    identity: `hf:${name}@1`,
    path: rig().path(`${name}.txt`),
    files: { '': { digest: digestOf(text), size: text.length } },
    missing: async () => (existsSync(rig().path(`${name}.txt`)) ? 0 : text.length),
    async fetch({ progress, retry }: { progress(a: number, b: number): void; retry(m: string, s: number): void }) {
      if (existsSync(rig().path(`${name}.txt`))) return;
      fetched.push(name);
      retry('busy', 0);
      progress(0, text.length);
      if (options.fails !== undefined) throw new UserError('data', options.fails, 'Try later.');
      rig().write(`${name}.txt`, options.sends ?? text);
      progress(text.length, text.length);
    },
  });
  const remote: RemoteSource = {
    async describe({ ref, target }, hooks) {
      if (hooks === undefined) {
        if (options.known) return describeData(target);
        throw new DataUnknown(ref, 'nobody was asked');
      }
      asked.push(target);
      if (target === 'none') throw new UserError('data', 'There is no such thing.');
      hooks.resolved(`hf:${target}`, '1', 'hub');
      return describeData(target);
    },
  };
  return { asked, fetched, sources: { ...sources, remote } };
}
const reading = (...names: string[]) =>
  graphOf(Object.fromEntries(names.map((name) => [name, { kind: 'read', with: { file: ref('a'), name } }])));

describe('data of another machine', () => {
  it('is refused where there is no source of it', async () => {
    await expect(rig().plan(reading('one'))).rejects.toThrow('no source');
  });

  it('is unknown to a plan until it is known what it stands for', async () => {
    const { sources: from, asked } = remoteText('text');
    const [task] = (await rig().plan(reading('one'), { sources: from })).tasks;
    expect(task).toMatchObject({
      state: 'unknown',
      reason: { code: 'data', ref: 'hf:a', message: 'nobody was asked' },
    });
    expect(task!.key).toBeUndefined();
    expect(asked).toEqual([]);
  });

  it('is asked for once, fetched once, told of, and gives the key of the same bytes at a path', async () => {
    const { sources: from, asked, fetched } = remoteText('text');
    const ran = await rig().run(reading('one', 'two'), { sources: from });
    expect(ran.value('one')).toBe(4);
    expect([asked, fetched]).toEqual([['a'], ['a']]);
    expect(ran.all.map(({ event }) => event).filter((event) => /data|run/.test(event))).toEqual([
      'data.resolved',
      'run.started',
      'data.retrying',
      'data.progress',
      'data.progress',
      'data.fetched',
      'run.finished',
    ]);
    expect(ran.records.get('one')!.notes).toMatchObject({ inputs: { file: 'hf:a@1' } });
    const local = graphOf({ one: { kind: 'read', with: { file: file(rig().write('b.txt', 'text')), name: 'one' } } });
    expect((await rig().run(local)).ran).toEqual([]);
  });

  it('is named by an estimate where it has to come first, with its size where that is known', async () => {
    const seen: string[] = [];
    const read = kinds.get('test/read')!;
    const cost: StepKind['cost'] = async () => ({
      async cost({ config }) {
        seen.push((config.file as InputArtifact).path);
        return { flops: 1, traffic: 1, other: 1, memory: 1, rows: 1, outputs: {} };
      },
    });
    const telling = new Map([...kinds, ['test/read', { ...read, cost }]]);
    const downloads = async (known: boolean) => {
      const { sources: from, fetched } = remoteText('text', { known });
      const rates = async () => ({ flops: 1, traffic: 1, slowness: 1 });
      const graph = reading('one', 'two');
      const found = await estimateGraph(graph, { store: rig().store, kinds: telling, sources: from, rates });
      expect(fetched).toEqual([]);
      return found.downloads;
    };
    expect(await downloads(false)).toEqual([{ what: 'hf:a', bytes: undefined }]);
    expect(await downloads(true)).toEqual([{ what: 'hf:a', bytes: 4 }]);
    const [at] = seen;
    expect(at).toBe('');
    rig().write('a.txt', 'text');
    expect(await downloads(true)).toEqual([]);
    expect(seen.at(-1)).toBe(rig().path('a.txt'));
  });

  it('is not fetched where the result is there', async () => {
    await rig().run(reading('one'), { sources: remoteText('text').sources });
    const again = remoteText('text', { known: true, fails: 'not reachable' });
    expect((await rig().plan(reading('one'), { sources: again.sources })).summary).toMatchObject({ cached: 1 });
    expect((await rig().run(reading('one'), { sources: again.sources })).counts).toMatchObject({ cached: 1 });
    expect(again.fetched).toEqual([]);
  });

  it('that is nowhere is refused before anything runs; that cannot be fetched fails the task that reads it', async () => {
    const none = graphOf({ one: { kind: 'read', with: { file: ref('none') } } });
    await expect(rig().run(none, { sources: remoteText('text').sources })).rejects.toBeInstanceOf(RunRefused);
    const { sources: from } = remoteText('text', { fails: 'The line is cut.' });
    const ran = await rig().run(reading('one'), { sources: from });
    expect(ran.failures.get('one')).toMatchObject({ code: 'data', message: 'The line is cut.', hint: 'Try later.' });
  });

  it('that is not what its listing said is not used', async () => {
    const { sources: from } = remoteText('text', { sends: 'else' });
    const ran = await rig().run(reading('one'), { sources: from });
    expect(ran.failures.get('one')).toMatchObject({ code: 'data', message: expect.stringContaining('is damaged') });
    expect(rig().journal()).toEqual([]);
  });

  it('that changes while a task reads it keeps the result out of the store', async () => {
    const { sources: from } = remoteText('text', { known: true });
    const graph = graphOf({ one: { kind: 'read', with: { file: ref('a'), gate: 'g' } } });
    const running = rig().run(graph, { sources: from });
    await rig().started('g');
    rig().write('a.txt', 'else');
    rig().openGate('g');
    expect((await running).failures.get('one')).toMatchObject({ code: 'input-changed' });
  });
});
