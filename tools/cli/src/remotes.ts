import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { isRecord, UserError } from '@sonde/base';
import type { RemoteEvent, RemoteSetting } from '@sonde/remote';
import envPaths from 'env-paths';
import { parse } from 'yaml';
import { count, formatBytes } from './format.ts';
import type { Terminal } from './terminal.ts';

/** Options that say which other stores are asked. */
export interface RemoteOptions {
  /** `false`: none, whatever the settings say. */
  readonly remote?: readonly string[] | false;
  readonly remoteWrite?: boolean;
}

/** The user's settings for all pipelines: `~/.config/sonde/config.yaml`, or where the system keeps such. */
export function settingsFile(): string {
  return path.join(envPaths('sonde', { suffix: '' }).config, 'config.yaml');
}

/**
 * The other stores in the order in which they are asked: those of the command line, else SONDE_REMOTE, else those of the
 * user's settings. `--remote-write` gives results to the first.
 *
 * @throws UserError where the settings are not what they should be
 */
export function remotesOf(options: RemoteOptions, file = settingsFile()): readonly RemoteSetting[] {
  const remotes = options.remote === false ? [] : (named(options.remote) ?? remotesInSettings(file));
  if (options.remoteWrite !== true) return remotes;
  const [first, ...others] = remotes;
  if (first === undefined)
    throw new UserError('usage', '--remote-write needs a store to write to', 'Name it with --remote URL.');
  return [{ ...first, write: true }, ...others];
}

function named(option: readonly string[] | undefined): readonly RemoteSetting[] | undefined {
  if (option !== undefined) return option.map((url) => ({ url }));
  const url = process.env.SONDE_REMOTE;
  return url === undefined || url === '' ? undefined : [{ url }];
}

const TEXTS = ['token_env', 'endpoint', 'region'] as const;
const KEYS = ['url', 'write', ...TEXTS];

function remotesInSettings(file: string): readonly RemoteSetting[] {
  if (!existsSync(file)) return [];
  const wrong = (problem: string): UserError =>
    new UserError(
      'usage',
      `the settings ${file}: ${problem}`,
      'remotes: [{ url: https://…, write: true, token_env: NAME }]',
    );
  let settings: unknown;
  try {
    settings = parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw wrong(`not YAML: ${(error as Error).message.split('\n')[0]}`);
  }
  if (settings === null) return [];
  if (!isRecord(settings)) throw wrong('a map was expected');
  const strange = Object.keys(settings).find((key) => key !== 'remotes');
  if (strange !== undefined) throw wrong(`there is no setting \`${strange}\``);
  const list = settings.remotes ?? [];
  if (!Array.isArray(list)) throw wrong('`remotes` is a list');
  return list.map((item: unknown, at) => {
    const place = `remotes[${at}]`;
    if (!isRecord(item)) throw wrong(`${place} is a map`);
    const unknown = Object.keys(item).find((key) => !KEYS.includes(key));
    if (unknown !== undefined) throw wrong(`${place} has no \`${unknown}\`; it takes ${KEYS.join(', ')}`);
    const { url, write = false } = item;
    if (typeof url !== 'string') throw wrong(`${place} needs \`url\``);
    if (typeof write !== 'boolean') throw wrong(`${place}: \`write\` is true or false`);
    const texts = TEXTS.flatMap((key) => {
      const value = item[key];
      if (value === undefined) return [];
      if (typeof value !== 'string') throw wrong(`${place}: \`${key}\` is a text`);
      return [[key === 'token_env' ? 'tokenEnv' : key, value]];
    });
    return { url, write, ...Object.fromEntries(texts) };
  });
}

/** What signs results for other stores, and what must have signed theirs: SONDE_REMOTE_SECRET. */
export function remoteSecret(): string | undefined {
  const secret = process.env.SONDE_REMOTE_SECRET;
  return secret === '' ? undefined : secret;
}

/** Says what went wrong with other stores at once, and at the end what was brought and given. */
export function createRemoteNews(terminal: Terminal, show: (event: RemoteEvent) => void = () => undefined) {
  const brought = { outputs: 0, bytes: 0 };
  const given = { results: 0, bytes: 0, to: '' };
  const warned = new Set<string>();
  return {
    tell(event: RemoteEvent): void {
      show(event);
      if (event.event === 'failed') {
        const hint = event.hint === undefined ? '' : `. ${event.hint}`;
        const line = `${terminal.colors.yellow('warning')}   ${event.message}; it is done without${hint}`;
        if (!warned.has(line)) terminal.note(line);
        warned.add(line);
      } else if (event.event === 'fetched') {
        brought.outputs++;
        brought.bytes += event.bytes;
      } else if (event.event === 'given') {
        given.results++;
        given.bytes += event.bytes;
        given.to = event.to;
      }
    },
    summary(): string | undefined {
      const parts = [
        ...(brought.outputs > 0 ? [`${count(brought.outputs, 'output')} brought (${formatBytes(brought.bytes)})`] : []),
        ...(given.results > 0
          ? [`${count(given.results, 'result')} given to ${given.to} (${formatBytes(given.bytes)})`]
          : []),
      ];
      return parts.length === 0 ? undefined : parts.join(', ');
    },
  };
}
