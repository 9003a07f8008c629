import { describe, expect, it } from 'vitest';
import { lineOf } from '../src/lines.ts';
import { openTerminal } from '../src/terminal.ts';

const terminal = openTerminal({ color: false });

describe('the line of a skipped task', () => {
  const skipped = (...because: string[]) =>
    lineOf({ time: '', event: 'task.skipped', task: 'report', step: 'report', because }, terminal);

  it('names what did not succeed, or says that the run was interrupted', () => {
    expect(skipped('a', 'b')).toBe('skipped   report: a, b did not succeed');
    expect(skipped()).toBe('skipped   report: the run was interrupted');
  });
});
