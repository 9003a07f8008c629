import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runStep, tableArtifact, temporaryFolder } from './harness.ts';

let folder: string;
let remove: () => Promise<void>;
beforeAll(async () => ({ folder, remove } = await temporaryFolder()));
afterAll(() => remove());

describe('table steps', () => {
  it('import renames and selects columns', async () => {
    const source = await tableArtifact(folder, [{ a: 1, b: 'x', c: true }]);
    const result = await runStep('table/import', folder, { source, rename: { b: 'text' }, columns: ['text', 'a'] });
    expect(await result.rows('table')).toEqual([{ text: 'x', a: 1 }]);
  });

  it('filter keeps rows that fulfil every condition; null fulfils none of them', async () => {
    const table = await tableArtifact(folder, [{ n: 1 }, { n: 5 }, { n: null }, { n: 3 }]);
    const where = [
      { column: 'n', op: '>', value: 1 },
      { column: 'n', op: '<', value: 5 },
    ];
    expect(await (await runStep('table/filter', folder, { table, where })).rows('table')).toEqual([{ n: 3 }]);
  });

  it('join takes clashing columns from the table that `conflicts` names, or refuses', async () => {
    const left = await tableArtifact(folder, [{ id: 'a', score: 1, kept: 'l' }]);
    const right = await tableArtifact(folder, [{ id: 'a', score: 2 }]);
    const join = async (conflicts: string) =>
      (await runStep('table/join', folder, { left, right, on: ['id'], conflicts })).rows('table');
    expect(await join('right')).toEqual([{ id: 'a', kept: 'l', score: 2 }]);
    expect(await join('left')).toEqual([{ id: 'a', score: 1, kept: 'l' }]);
    await expect(join('error')).rejects.toThrow('score');
  });

  it('join leaves no score under the name of another scorer', async () => {
    const file = { prompt_id: 'a', 'score.TOXICITY': 0.1, 'score.FLIRTATION': 0.2, length: 3 };
    const anew = { prompt_id: 'a', 'score.TOXICITY': 0.7, scorer: 'new' };
    const join = async (left: Record<string, unknown>, right: Record<string, unknown>, conflicts: string) =>
      (
        await runStep('table/join', folder, {
          left: await tableArtifact(folder, [left]),
          right: await tableArtifact(folder, [right]),
          on: ['prompt_id'],
          conflicts,
        })
      ).rows('table');
    for (const left of [file, { ...file, scorer: 'old' }]) {
      expect(await join(left, anew, 'right')).toEqual([{ length: 3, ...anew }]);
      expect(await join(anew, left, 'left')).toEqual([{ ...anew, length: 3 }]);
    }
    // Of labels without a scorer's name nothing says who gave them, nor does what they stand beside.
    const labels = { prompt_id: 'a', 'score.TOXICITY': 1 };
    const [beside] = await join({ ...file, scorer: 'old' }, labels, 'right');
    expect(beside).toEqual({ ...file, ...labels });
    const warned = await runStep('table/join', folder, {
      left: await tableArtifact(folder, [{ prompt_id: 'a', 'score.FLIRTATION': 0.2 }]),
      right: await tableArtifact(folder, [anew]),
      on: ['prompt_id'],
    });
    expect(warned.warnings).toEqual([
      '`scorer` of the one table comes to name who gave score.FLIRTATION of the other, too',
    ]);
    // Without scores in the other table nothing leaves.
    expect(await join(anew, { prompt_id: 'a', scorer: 'x' }, 'left')).toEqual([anew]);
  });

  it('join refuses tables that both have rows without a partner, or counts them', async () => {
    const left = await tableArtifact(folder, [{ id: 'a' }, { id: 'b' }, { id: 'c' }]);
    const strange = await tableArtifact(folder, [
      { id: 'x', n: 1 },
      { id: 'c', n: 2 },
      { id: 'y', n: 3 },
    ]);
    const config = { left, right: strange, on: ['id'] };
    await expect(runStep('table/join', folder, config)).rejects.toThrow(
      '2 of 3 rows of the left table match none of the rows of the right table (["a"]; ["b"]); 2 of 3 rows of the right table match none of the rows of the left table (["x"]; ["y"])',
    );
    const reported = await runStep('table/join', folder, { ...config, unmatched: 'report' });
    expect(await reported.rows('table')).toEqual([{ id: 'c', n: 2 }]);
    expect(reported.warnings).toHaveLength(2);
  });

  it('join takes a few rows out of many without a warning', async () => {
    const many = await tableArtifact(folder, [{ id: 'a' }, { id: 'b' }, { id: 'c' }, { id: 'c' }]);
    const few = await runStep('table/join', folder, {
      left: many,
      right: await tableArtifact(folder, [{ id: 'a', n: 1 }]),
      on: ['id'],
    });
    expect(few.warnings).toEqual([]);
  });

  it('join refuses pairs of repeated values and rows that would become several, and holds `validate`', async () => {
    const twice = await tableArtifact(folder, [
      { id: 'c', n: 1 },
      { id: 'c', n: 2 },
    ]);
    const left = await tableArtifact(folder, [{ id: 'c' }, { id: 'c' }]);
    const one = await tableArtifact(folder, [{ id: 'c', m: 0 }]);
    const join = (config: object) => runStep('table/join', folder, { on: ['id'], ...config });
    await expect(join({ left, right: twice })).rejects.toThrow(
      '1 value of id stands in several rows of both tables (["c"]): each pair of them would give a row',
    );
    expect(await (await join({ left, right: twice, validate: 'many_to_many' })).rows('table')).toHaveLength(4);
    await expect(join({ left: one, right: twice })).rejects.toThrow(
      '1 value of id stands in several rows of the right table (["c"]): rows of the left table would become several',
    );
    expect(await (await join({ left: one, right: twice, validate: 'one_to_many' })).rows('table')).toHaveLength(2);
    expect((await join({ left: twice, right: one })).warnings).toEqual([]);
    await expect(join({ left: one, right: twice, validate: 'many_to_one' })).rejects.toThrow('of the right table');
    await expect(join({ left: twice, right: one, validate: 'one_to_one' })).rejects.toThrow('of the left table');
  });

  it('concat adds the axes that tell collected tables apart', async () => {
    const tables = [
      await tableArtifact(folder, [{ n: 1 }], { model: 'a' }),
      await tableArtifact(folder, [{ n: 2 }], { model: 'b' }),
    ];
    expect(await (await runStep('table/concat', folder, { tables })).rows('table')).toEqual([
      { n: 1, model: 'a' },
      { n: 2, model: 'b' },
    ]);
  });
});
