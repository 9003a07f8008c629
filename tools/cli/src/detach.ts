import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { UserError } from '@sonde/base';
import { openStore } from '@sonde/store';
import { storeFolder } from './api.ts';
import { EXIT } from './errors.ts';
import { type CommonOptions, sameStore } from './pipeline.ts';
import { exitWith, printJson, type Terminal } from './terminal.ts';

/**
 * Starts the same command once more as a process that belongs to no terminal, and returns when its run has begun. Should
 * that process end early, the command itself takes up what it has left.
 */
export async function detach(options: CommonOptions, terminal: Terminal): Promise<void> {
  const store = await openStore(storeFolder(options.store));
  const file = path.join(await store.spool.folder('detached'), `${Date.now()}-${process.pid}.jsonl`);
  const output = openSync(file, 'a');
  const args = process.argv.slice(1).filter((word) => word !== '--detach' && word !== '--json');
  const child = spawn(process.execPath, [...process.execArgv, ...args, '--json'], {
    detached: true,
    stdio: ['ignore', output, output],
  });
  closeSync(output);
  let ended = false;
  child.once('close', () => {
    ended = true;
  });
  child.unref();
  try {
    for (;;) {
      const over = ended;
      const run = /"event":"run\.started","run":"([^"]+)"/.exec(readFileSync(file, 'utf8'))?.[1];
      if (run !== undefined) {
        if (options.json) printJson(terminal, { run, pid: child.pid, host: hostname(), output: file });
        else {
          const logs = `sonde logs ${run}${sameStore(options)}`;
          terminal.note(`run ${run} goes on as process ${child.pid} on ${hostname()}: ${logs}`);
        }
        return exitWith(EXIT.done);
      }
      if (over) throw new UserError('usage', `the run did not start:\n${readFileSync(file, 'utf8').trimEnd()}`);
      await delay(100);
    }
  } finally {
    await store.close();
  }
}
