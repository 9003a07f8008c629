// Files that the pages name are there: what code is cited by a path moves with it.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { root } from './sonde.ts';

const pages = ['README.md', 'CONTRIBUTING.md', ...['docs', 'libs', 'tools'].flatMap(pagesBelow)];

function pagesBelow(folder: string): string[] {
  return readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md') && !/(^|[\\/])(node_modules|\.venv|assets)[\\/]/.test(name))
    .map((name) => path.join(folder, name));
}

/** Paths in backticks, from the root or, in a trip through a library, from the library it names. */
function pathsIn(text: string): string[] {
  const paths: string[] = [];
  for (const paragraph of text.split(/\n\n/)) {
    const start = /\(`(libs\/[a-z]+\/src)`\):/.exec(paragraph)?.[1];
    for (const [, found] of paragraph.matchAll(/`([\w./-]+)`/g)) {
      if (/^(libs|tools|tests|pipelines)\//.test(found!)) paths.push(found!);
      else if (start !== undefined && /^[a-z-]+(\/[a-z-]+)*\.ts$/.test(found!) && found!.includes('/')) {
        paths.push(`${start}/${found}`);
      }
    }
  }
  return paths;
}

it.each(pages)('%s names files that are there', (page) => {
  const named = pathsIn(readFileSync(path.join(root, page), 'utf8')).filter((name) => !/[<>*{]/.test(name));
  expect(named.filter((name) => !existsSync(path.join(root, name)))).toEqual([]);
});

it('the trips of CONTRIBUTING are lists of such files', () => {
  expect(pathsIn(readFileSync(path.join(root, 'CONTRIBUTING.md'), 'utf8')).length).toBeGreaterThan(40);
});
