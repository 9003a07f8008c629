import { rm } from 'node:fs/promises';
import { createServer, connect as openSocket, type Server, type Socket } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { codeOf, isRecord, type JsonValue } from '@sonde/base';
import type { DeviceHolder } from '../backend.ts';

/** A card that no other process of this machine computes on meanwhile. */
export interface DeviceLock {
  /** Whether another process waits for the card. */
  wanted(): boolean;
  /** Called when another process begins to wait. */
  onWanted(listener: () => void): void;
  release(): Promise<void>;
}

/** Which processes of this machine have which cards, whoever's they are. */
export interface DeviceLocks {
  /** Undefined where another process has the card. */
  take(card: string): Promise<DeviceLock | undefined>;
  /** Waits until whoever has the card lets it go, or the signal ends the wait; lets it know that it is waited for. */
  wait(card: string, signal: AbortSignal, tell: (holder: DeviceHolder) => void): Promise<void>;
}

/** Longest answer that is read of another process, in characters. */
const LONGEST = 1000;
/** How long to wait where nobody can be waited for, in milliseconds. */
const REFUSED = 50;
/** How long a holder that says nothing (it is stopped, or busy) is waited for before the wait is told of, in milliseconds. */
const SILENCE = 2000;

/**
 * A card is had by listening at an address with its name: only one process can, the kernel ends it with the process
 * however that ends, and no file stays behind that another user could not remove. Who waits is connected there: so the
 * holder knows, can say who it is, and the end of the connection is the end of the wait.
 */
export function createDeviceLocks(addressOf = systemAddress): DeviceLocks {
  return {
    async take(card) {
      const address = addressOf(card);
      const about = { pid: process.pid, user: userName(), since: new Date().toISOString() } satisfies DeviceHolder;
      const waiting = new Set<Socket>();
      const listeners = new Set<() => void>();
      const server = createServer((socket) => {
        waiting.add(socket);
        socket.on('error', () => {});
        socket.on('close', () => waiting.delete(socket));
        // Read, so that its end is noticed.
        socket.resume();
        socket.unref();
        socket.write(`${JSON.stringify(about)}\n`);
        for (const listener of listeners) listener();
      });
      if (!(await listen(server, address))) return undefined;
      server.unref();
      return {
        wanted: () => waiting.size > 0,
        onWanted: (listener) => void listeners.add(listener),
        async release() {
          const closed = new Promise((resolve) => server.close(resolve));
          for (const socket of waiting) socket.destroy();
          await closed;
        },
      };
    },
    async wait(card, signal, tell) {
      if (signal.aborted) return;
      await new Promise<void>((resolve) => {
        const socket = openSocket(addressOf(card));
        let told = false;
        const tellOnce = (holder: DeviceHolder) => {
          if (!told) tell(holder);
          told = true;
        };
        const silent = setTimeout(() => tellOnce({}), SILENCE);
        const leave = () => socket.destroy();
        signal.addEventListener('abort', leave, { once: true });
        let answer = '';
        socket.setEncoding('utf8');
        socket.on('data', (text: string) => {
          answer = (answer + text).slice(0, LONGEST);
          if (answer.includes('\n')) tellOnce(holderIn(answer));
        });
        socket.on('error', () => {});
        socket.on('close', (failed) => {
          clearTimeout(silent);
          signal.removeEventListener('abort', leave);
          // Nobody listens: it has just been let go, or somebody has it who will not talk.
          if (failed) setTimeout(resolve, REFUSED);
          else resolve();
        });
      });
    },
  };
}

/** Whether the server listens; not, where another process does. */
async function listen(server: Server, address: string): Promise<boolean> {
  for (;;) {
    const failure = await new Promise<Error | undefined>((resolve) => {
      server.once('error', resolve);
      server.listen(address, () => resolve(undefined));
    });
    server.removeAllListeners('error');
    if (failure === undefined) return true;
    if (codeOf(failure) !== 'EADDRINUSE') throw failure;
    if (!isFile(address) || (await answers(address))) return false;
    // The file of a process that died.
    await rm(address, { force: true });
  }
}

function answers(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = openSocket(address, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', (error) => resolve(codeOf(error) !== 'ECONNREFUSED' && codeOf(error) !== 'ENOENT'));
  });
}

/**
 * On Linux a name in the kernel, which has no file and which all users of the machine share; on Windows a named pipe,
 * which is the same; elsewhere a file.
 */
function systemAddress(card: string): string {
  const name = `sonde-device-${card.replaceAll(/[^\w.:-]/g, '_')}`;
  if (process.platform === 'linux') return `\0${name}`;
  if (process.platform === 'win32') return `\\\\.\\pipe\\${name}`;
  return join(tmpdir(), `${name}.sock`);
}

function isFile(address: string): boolean {
  return !address.startsWith('\0') && !address.startsWith('\\\\.\\pipe\\');
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A number without an entry among the system's users.
    return String(process.getuid?.() ?? 'unknown');
  }
}

/** What another process says of itself: it may be anybody, and say anything. */
function holderIn(line: string): DeviceHolder {
  let value: JsonValue;
  try {
    value = JSON.parse(line) as JsonValue;
  } catch {
    return {};
  }
  if (!isRecord(value)) return {};
  const { pid, user, since } = value;
  return {
    ...(Number.isInteger(pid) ? { pid: Number(pid) } : {}),
    ...(typeof user === 'string' && /^[\w.@\\ -]{1,64}$/.test(user) ? { user } : {}),
    ...(typeof since === 'string' && /^[\d:.TZ-]{10,30}$/.test(since) ? { since } : {}),
  };
}
