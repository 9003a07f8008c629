import { spawn } from 'node:child_process';
import { basename } from 'node:path';
import { programEnvironment, UserError } from '@sonde/base';

/** Most of what a program says on standard error that is kept, in UTF-16 units from the end. */
const KEPT = 16_384;
/** Lines of it that a failure shows. */
const LAST_LINES = 20;

/** Most UTF-16 units of an answer; more is no answer to a batch of texts. */
const MOST_UNITS = 64 * 2 ** 20;

/** Milliseconds that a program may take to end once nothing more is asked. */
const GRACE = 2000;

/** A program that answers each line that it reads with a line. */
export interface Program {
  /** @throws UserError where it ends, cannot be started, or takes more than so many seconds */
  ask(line: string, seconds: number): Promise<string>;
  /** Closes its input; ends it where it does not end by itself. */
  end(): Promise<void>;
}

/** What became of it. */
type Ended = { readonly code: number | null; readonly by: string | null } | { readonly error: NodeJS.ErrnoException };

/** Starts a program without a shell, in a small environment. */
export function startProgram(program: string, args: readonly string[], env: Readonly<Record<string, string>>): Program {
  const child = spawn(program, args, { env: { ...programEnvironment(), ...env }, stdio: ['pipe', 'pipe', 'pipe'] });
  const who = `The program ${basename(program)}`;
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-KEPT);
  });
  // A program that has ended reads no more: its end is what is told.
  child.stdin.on('error', () => undefined);
  let ended: Ended | undefined;
  let waiting: { answer(line: string): void; fail(error: UserError): void } | undefined;
  const closed = new Promise<void>((resolve) => {
    const finish = (how: Ended): void => {
      ended ??= how;
      // The last line may lack its end, if the program says that it was all.
      if (rest !== '' && 'code' in how && how.code === 0) waiting?.answer(rest);
      waiting?.fail(endedError(who, ended, said));
      resolve();
    };
    child.once('error', (error: NodeJS.ErrnoException) => finish({ error }));
    child.once('close', (code, by) => finish({ code, by }));
    // A program that it has started may hold its output open.
    child.once('exit', () => setTimeout(letGo, GRACE).unref());
  });
  const letGo = (): void => {
    child.stdout.destroy();
    child.stderr.destroy();
  };
  let unasked: string | undefined;
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const [first = '', ...more] = text.split('\n');
    const lines = [rest + first, ...more];
    rest = lines.pop()!;
    for (const line of lines) {
      if (waiting === undefined) unasked ??= line;
      else waiting.answer(line);
    }
    if (rest.length <= MOST_UNITS) return;
    rest = '';
    child.kill('SIGKILL');
    letGo();
    waiting?.fail(tooLong(who));
  });
  return {
    ask(line, seconds) {
      if (ended !== undefined) return Promise.reject(endedError(who, ended, said));
      if (unasked !== undefined) return Promise.reject(notAsked(who, unasked));
      return new Promise<string>((resolve, reject) => {
        const timer = setTimeout(() => {
          child.kill('SIGKILL');
          done(() => reject(hung(who, seconds, said)));
        }, seconds * 1000);
        const done = (settle: () => void): void => {
          clearTimeout(timer);
          waiting = undefined;
          settle();
        };
        waiting = { answer: (found) => done(() => resolve(found)), fail: (error) => done(() => reject(error)) };
        child.stdin.write(`${line}\n`);
      });
    },
    async end() {
      child.stdin.end();
      const timer = setTimeout(() => child.kill('SIGKILL'), GRACE);
      await closed;
      clearTimeout(timer);
    },
  };
}

function endedError(who: string, ended: Ended, said: string): UserError {
  if ('error' in ended) {
    const why = ended.error.code === 'ENOENT' ? 'there is no such program on the PATH' : ended.error.message;
    return new UserError('program', `${who} could not be started: ${why}.`);
  }
  const how = ended.by === null ? `ended with status ${ended.code}` : `was ended by ${ended.by}`;
  return new UserError(
    'program',
    `${who} ${how} before it had answered.${lastLines(said)}`,
    'It is to answer each line of its standard input with a line, and to end when its input does.',
  );
}

function hung(who: string, seconds: number, said: string): UserError {
  return new UserError(
    'program',
    `${who} has not answered a batch within ${seconds} seconds, and was ended.${lastLines(said)}`,
    'Does it flush what it prints (Python: `print(…, flush=True)`)? `timeout:` gives it longer, `batch:` less to do at once.',
  );
}

function tooLong(who: string): UserError {
  return new UserError(
    'program',
    `${who} has answered a batch by more than ${MOST_UNITS / 2 ** 20} MiB without the end of a line, and was ended.`,
    'One answer is one line of JSON and nothing else; messages belong on standard error.',
  );
}

function notAsked(who: string, line: string): UserError {
  return new UserError(
    'program',
    `${who} wrote a line that it was not asked for: ${line.slice(0, 80)}`,
    'It is to answer each line of its standard input with one line; messages belong on standard error.',
  );
}

function lastLines(said: string): string {
  const lines = said.trimEnd().split('\n').slice(-LAST_LINES).join('\n');
  return lines === '' ? '' : `\n${lines}`;
}
