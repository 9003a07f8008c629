import type { RunEvent } from '@sonde/executor';
import pc from 'picocolors';
import stringWidth from 'string-width';
import { describe, expect, it } from 'vitest';
import { formatRate } from '../src/format.ts';
import { stepLines } from '../src/live.ts';
import { createProgress, type StepView } from '../src/progress.ts';

const plain = pc.createColors(false);

const view: StepView = {
  step: 'continuations',
  device: 'cpu',
  ended: 3,
  tasks: 8,
  done: 1280,
  total: 2560,
  unit: 'continuations',
  share: 0.5,
  rate: 1610.4,
  seconds: 30,
  secondsLeft: 14,
  waiting: false,
};

describe('live lines', () => {
  it('fit: the device goes first, then the rate, then the bar, then the end', () => {
    const at = (columns: number): string => stepLines([view], columns, plain)[0]!;
    expect(at(120)).toBe(
      'continuations  ━━━━━━━━╌╌╌╌╌╌╌╌  3/8 tasks  1,280/2,560 continuations  1,610/s  14 s left  cpu',
    );
    expect(at(92)).not.toContain('cpu');
    expect(at(82)).not.toContain('1,610/s');
    expect(at(70)).not.toContain('━');
    expect(at(40)).toMatch(/…$/);
    for (let columns = 10; columns < 130; columns++) expect(stringWidth(at(columns))).toBeLessThanOrEqual(columns);
  });

  it('say that a step with nothing left to count is finishing, and one that is not heard waits', () => {
    const ends = (change: Partial<typeof view>): string =>
      stepLines([{ ...view, waiting: true, ...change }], 120, plain)[0]!;
    expect(ends({ done: 2560 })).toContain('2,560/2,560 continuations  finishing');
    expect(ends({})).toContain('1,280/2,560 continuations  waiting');
  });

  it('have rates without exponents', () => {
    expect([1610.4, 24.51, 3.456, 0.35, 0.04].map(formatRate)).toEqual([
      '1,610/s',
      '24.5/s',
      '3.46/s',
      '0.35/s',
      '2.4/min',
    ]);
  });
});

describe('progress', () => {
  const of = (body: object): RunEvent => ({ time: '', step: 'a', ...body }) as unknown as RunEvent;
  const follow = () => {
    let now = 0;
    const progress = createProgress(new Map([['a', 4]]), () => now);
    const show = (at: number, body: object): void => {
      now = at * 1000;
      progress.show(of(body));
    };
    return { progress, show };
  };

  it('counts the whole step, so that time left does not start anew with each task', () => {
    const { progress, show } = follow();
    for (const [start, task] of [
      [0, 'x'],
      [10, 'y'],
    ] as const) {
      show(start, { event: 'task.started', task, device: 'cpu' });
      show(start + 5, { event: 'task.progress', task, done: 50, total: 100, unit: 'rows' });
      if (task === 'x') show(10, { event: 'task.finished', task });
    }
    expect(progress.running()[0]).toMatchObject({ ended: 1, done: 150, total: 400, rate: 10, secondsLeft: 25 });
  });

  it('is that of work, too, which another run has begun', () => {
    const { progress, show } = follow();
    show(0, { event: 'task.waiting', task: 'x', holder: 'an order of another run' });
    expect(progress.running()[0]?.waiting).toBe(true);
    show(5, { event: 'task.progress', task: 'x', done: 50, total: 100, unit: 'rows' });
    show(10, { event: 'task.progress', task: 'x', done: 60, total: 100, unit: 'rows' });
    expect(progress.running()[0]).toMatchObject({ waiting: false, done: 60, rate: 2 });
  });

  it('waits where all that was begun is done, or silent against its rhythm', () => {
    const { progress, show } = follow();
    show(0, { event: 'task.started', task: 'x', device: 'cpu' });
    show(1, { event: 'task.progress', task: 'x', done: 10, total: 100, unit: 'rows' });
    expect(progress.running()[0]?.waiting).toBe(false);
    show(9, { event: 'task.log', task: 'y' });
    expect(progress.running()[0]?.waiting).toBe(true);
    show(9, { event: 'task.progress', task: 'x', done: 100, total: 100, unit: 'rows' });
    expect(progress.running()[0]?.waiting).toBe(true);
  });
});
