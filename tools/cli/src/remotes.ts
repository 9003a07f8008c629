import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { UserError } from '@sonde/base';
import {
  boolean,
  type ConfigOf,
  list,
  object,
  optional,
  readSettingsText,
  renderDiagnostic,
  type SettingsForm,
  text,
} from '@sonde/pipeline';
import type { RemoteEvent, RemoteSetting } from '@sonde/remote';
import envPaths from 'env-paths';
import { count, formatBytes } from './format.ts';
import { type Terminal, visible } from './terminal.ts';

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

const optionalText = (description: string) => optional(text({ minLength: 1, description }));

const SETTINGS = object({
  remotes: list(
    object({
      url: text({ minLength: 1, description: 'https://…, s3://bucket/…, or a folder.' }),
      write: boolean({ default: false, description: 'Whether results of this machine are given to it.' }),
      token_env: optionalText('The environment variable that holds its token.'),
      endpoint: optionalText("Of an object store: the service's address."),
      region: optionalText('Of an object store.'),
    }),
    { default: [], description: 'Stores of other places, in the order in which they are asked.' },
  ),
});
const FORM: SettingsForm<ConfigOf<typeof SETTINGS>> = { what: 'settings file', schema: SETTINGS };

function remotesInSettings(file: string): readonly RemoteSetting[] {
  if (!existsSync(file)) return [];
  const read = readSettingsText(readFileSync(file, 'utf8'), file, FORM);
  if (!read.ok) {
    // Nothing but comments.
    if (read.diagnostics.every(({ code }) => code === 'SND112')) return [];
    const told = read.diagnostics.map((one) => renderDiagnostic(one, { cwd: process.cwd() })).join('\n');
    throw new UserError('usage', `the settings are not valid\n${told}`);
  }
  return read.value.remotes.map(({ token_env: tokenEnv, ...setting }) => ({
    ...setting,
    ...(tokenEnv === undefined ? {} : { tokenEnv }),
  }));
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
        const line = `${terminal.colors.yellow('warning')}   ${visible(`${event.message}; it is done without${hint}`)}`;
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
