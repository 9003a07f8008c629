import { access, constants, mkdir, statfs } from 'node:fs/promises';
import os from 'node:os';
import { hubSettings } from '@sonde/hub';
import { storeFolder } from '../api.ts';
import { EXIT } from '../errors.ts';
import { formatBytes } from '../format.ts';
import { findUp, version } from '../package.ts';
import type { CommonOptions } from '../pipeline.ts';
import { exitWith, openTerminal, printJson } from '../terminal.ts';
import { type Finding, gpus, onnxRuntime } from './doctor-devices.ts';

function node(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const ok = major > 20 || (major === 20 && minor >= 19);
  return { name: 'Node', ok, found: process.version, ...(ok ? {} : { advice: 'Sonde needs Node 20.19 or newer.' }) };
}

function existingParent(folder: string): string {
  return findUp(folder, '.') ?? '/';
}

async function storeFinding(folder: string): Promise<Finding> {
  try {
    await mkdir(folder, { recursive: true });
    await access(folder, constants.W_OK);
    return { name: 'Store', ok: true, found: folder };
  } catch (error) {
    return {
      name: 'Store',
      ok: false,
      found: (error as Error).message,
      advice: 'Name a folder you can write to: --store DIR or SONDE_STORE.',
    };
  }
}

/** What references to the hub (`hf:`) will use; asks nobody. */
function hub(): Finding {
  const name = 'Hub';
  try {
    const { endpoint, cache, offline, token } = hubSettings();
    const access = offline ? 'offline (HF_HUB_OFFLINE)' : token() === undefined ? 'no token' : 'with a token';
    return { name, ok: true, found: `${endpoint}, ${access}; its files in ${cache}` };
  } catch (error) {
    return { name, ok: false, found: (error as Error).message, advice: 'Unset HF_ENDPOINT, or correct it.' };
  }
}

async function disk(folder: string): Promise<Finding> {
  const { bavail, bsize } = await statfs(existingParent(folder));
  const free = bavail * bsize;
  return {
    name: 'Disk',
    ok: free > 2 ** 30,
    found: `${formatBytes(free)} free for the store`,
    ...(free > 2 ** 30 ? {} : { advice: 'sonde store gc frees what no recent run needs.' }),
  };
}

/** `sonde doctor`. */
export async function doctor(options: CommonOptions): Promise<void> {
  const terminal = openTerminal(options);
  const folder = storeFolder(options.store);
  const findings: Finding[] = [
    { name: 'Sonde', ok: true, found: version() },
    node(),
    ...(await onnxRuntime()),
    {
      name: 'Machine',
      ok: true,
      found: `${process.platform} ${process.arch}, ${os.availableParallelism()} cores, ${formatBytes(os.totalmem())} memory`,
    },
    await gpus(),
    await storeFinding(folder),
    await disk(folder),
    hub(),
  ];
  const ok = findings.every((finding) => finding.ok);
  if (options.json) printJson(terminal, { sonde: 1, ok, findings });
  else {
    const { green, red, dim } = terminal.colors;
    const markOf = ({ ok, absent }: Finding): string => (absent ? dim('–') : ok ? green('✓') : red('✗'));
    for (const finding of findings) {
      terminal.out(`${markOf(finding)} ${finding.name.padEnd(13)} ${finding.found}`);
      if (finding.advice !== undefined) terminal.out(dim(`  ${finding.advice}`));
    }
  }
  if (!ok) exitWith(EXIT.machine);
}
