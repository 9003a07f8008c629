import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The nearest folder from `start` upwards that holds `name`. */
export function findUp(start: string, name: string): string | undefined {
  let folder = path.resolve(start);
  while (!existsSync(path.join(folder, name))) {
    const parent = path.dirname(folder);
    if (parent === folder) return undefined;
    folder = parent;
  }
  return folder;
}

/** The folder of the installed package, or of the clone: the nearest above this file with a package.json named sonde. */
export function packageRoot(): string {
  let folder = findUp(path.dirname(fileURLToPath(import.meta.url)), 'package.json');
  while (folder !== undefined && readManifest(folder).name !== 'sonde')
    folder = findUp(path.dirname(folder), 'package.json');
  if (folder === undefined) throw new Error('the package.json of sonde was not found above its own code');
  return folder;
}

/**
 * How the person who called this command calls it again from the current folder. Never `npx sonde` where no folder above
 * has it installed: npm would fetch whatever the registry has under that name.
 */
export function ownCommand(): string {
  const bin = path.dirname(process.argv[1] ?? '');
  const isOnPath = (process.env.PATH ?? '').split(path.delimiter).includes(bin);
  if (isOnPath && path.basename(bin) !== '.bin') return 'sonde';
  const installed = path.join('node_modules', '.bin', 'sonde');
  if (findUp(process.cwd(), installed) !== undefined) return 'npx sonde';
  return `node ${path.join(packageRoot(), 'dist', 'cli.js')}`;
}

function readManifest(folder: string): { name?: string; version?: string } {
  return JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as { name?: string; version?: string };
}

/** Sonde's own version. */
export function version(): string {
  return readManifest(packageRoot()).version ?? '0.0.0';
}
