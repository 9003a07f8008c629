import { copyFile, mkdir, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '@sonde/base';
import { ownCommand, packageRoot } from '../package.ts';
import type { CommonOptions } from '../pipeline.ts';
import { openTerminal, printJson } from '../terminal.ts';

/** `sonde init`: a folder with the commented quickstart to change, and a .gitignore. Overwrites nothing. */
export async function init(folder = '.', options: CommonOptions): Promise<void> {
  const terminal = openTerminal(options);
  const target = path.resolve(folder);
  await mkdir(target, { recursive: true });
  const existing = new Set(await readdir(target));
  for (const name of ['pipeline.yaml', '.gitignore']) {
    if (existing.has(name))
      throw new UserError(
        'usage',
        `${path.join(folder, name)} exists already`,
        'Choose another folder: sonde init DIR.',
      );
  }
  await copyFile(path.join(packageRoot(), 'pipelines', 'template.yaml'), path.join(target, 'pipeline.yaml'));
  await writeFile(path.join(target, '.gitignore'), 'cache/\nresults/\n');
  if (options.json) {
    const files = ['pipeline.yaml', '.gitignore'].map((name) => path.join(folder, name));
    return printJson(terminal, { sonde: 1, files });
  }
  terminal.out(path.join(folder, 'pipeline.yaml'));
  terminal.note(`Next: ${ownCommand()} run ${path.join(folder, 'pipeline.yaml')}`);
}
