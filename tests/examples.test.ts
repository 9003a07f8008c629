// Every example in README, CONTRIBUTING and docs: found by its fence, tried by its language. A new one is tried too.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseDocument } from 'yaml';
import { root, sonde, temporaryFolder } from './sonde.ts';

interface Example {
  readonly page: string;
  readonly line: number;
  readonly language: string;
  readonly text: string;
  /** The file that the line before it names: `` `pipeline.yaml`: ``. */
  readonly file: string | undefined;
}

const pages = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync(path.join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

const examples = pages.flatMap((page): Example[] => {
  const text = readFileSync(path.join(root, page), 'utf8');
  return [...text.matchAll(/(?:^`([\w.-]+)`:\n\n)?^```(\w+)\n(.*?)^```$/gms)].map((found) => ({
    page,
    line: text.slice(0, found.index).split('\n').length,
    language: found[2]!,
    text: found[3]!,
    file: found[1],
  }));
});
const named = ({ page, line }: Example): string => `${page}:${line}`;
const of = (...languages: string[]) => examples.filter(({ language }) => languages.includes(language));

let folder: string;
let remove: () => Promise<void>;
beforeAll(async () => {
  ({ folder, remove } = await temporaryFolder());
  await mkdir(path.join(folder, 'node_modules'));
  await symlink(root, path.join(folder, 'node_modules', 'sonde'), 'junction');
});
afterAll(() => remove());

/** A folder of its own for a page: its files, its pipelines, and the pipelines that ship. */
const folderOf = async (page: string): Promise<string> => {
  const place = await mkdtemp(path.join(folder, 'page-'));
  await cp(path.join(root, 'pipelines'), path.join(place, 'pipelines'), { recursive: true });
  await writeFile(path.join(place, 'poem.txt'), 'The rose is a rose.');
  await cp(path.join(root, 'pipelines', 'template.yaml'), path.join(place, 'pipeline.yaml'));
  for (const { file, text } of examples.filter((one) => one.page === page && one.file !== undefined))
    await writeFile(path.join(place, file!), text);
  return place;
};

const modulesIn = async (place: string): Promise<string[]> =>
  (await readdir(place)).filter((name) => name.endsWith('.mjs')).flatMap((name) => ['--module', name, '--allow-code']);

it('there are examples to find', () => {
  expect(new Set(examples.map(({ language }) => language))).toEqual(
    new Set(['csv', 'js', 'json', 'python', 'sh', 'text', 'ts', 'yaml']),
  );
});

describe('a pipeline', () => {
  const complete = of('yaml').filter(({ text }) => /^sonde:/m.test(text));
  it.each(complete.map((one) => [named(one), one] as const))('%s is valid', async (_, { page, text }) => {
    const place = await folderOf(page);
    await writeFile(path.join(place, 'example.yaml'), text);
    const { status, stdout, stderr } = await sonde(place, ['check', 'example.yaml', ...(await modulesIn(place))]);
    expect(stderr).toBe('');
    expect(stdout).toContain('example.yaml: valid');
    expect(status).toBe(0);
  });
});

it.each(of('yaml').map((one) => [named(one), one] as const))('%s is YAML, line by line or whole', (_, { text }) => {
  const whole = parseDocument(text);
  // Several forms of one key, each on its line, are shown one under the other.
  const lines = text
    .trimEnd()
    .split('\n')
    .map((line) => parseDocument(line));
  expect(whole.errors.length === 0 || lines.every(({ errors }) => errors.length === 0), String(whole.errors[0])).toBe(
    true,
  );
});

it.each(of('json').map((one) => [named(one), one] as const))('%s is JSON, or JSON Lines', (_, { text }) => {
  const isLines = text.split('\n')[0]!.endsWith('}');
  for (const value of isLines ? text.trim().split('\n') : [text]) JSON.parse(value);
});

/** What leaves something out says so with `…`. */
const programs = of('js', 'ts').filter(({ text }) => !text.includes('…'));
it.each(programs.map((one) => [named(one), one] as const))('%s has no wrong syntax', (_, { text }) => {
  const { diagnostics = [] } = ts.transpileModule(text, { reportDiagnostics: true });
  expect(diagnostics.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))).toEqual([]);
});

/** Words of a line of a shell, quotes and comments as in sh; the parts between `&&` by themselves. */
const commandsOf = (text: string): string[][] =>
  text
    .replaceAll('\\\n', ' ')
    .split('\n')
    .flatMap((line) => line.replace(/(^|\s)#.*$/, '').split('&&'))
    .map((line) => [...line.matchAll(/'([^']*)'|"([^"]*)"|((?:[^\s'"]+|'[^']*')+)/g)].map(wordOf))
    .filter((words) => words.length > 0);
const wordOf = ([, single, double, plain]: RegExpMatchArray): string => single ?? double ?? plain!.replaceAll("'", '');

/** What a line names that only its reader has. */
const isPlaceholder = (word: string): boolean => /path\/to|hf:owner\/name|\bNAME\b/.test(word);

describe('a line for the shell', () => {
  const lines = of('sh').flatMap((one) => commandsOf(one.text).map((words) => [named(one), words, one] as const));

  it.each(lines)('%s %j is a command that is there', async (_, words, { page }) => {
    const bare = words.slice(words.findIndex((word) => !/^[A-Z_]+=/.test(word)));
    const [program, ...args] = bare[0] === 'npx' ? bare.slice(1) : bare;
    const { scripts } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    switch (program) {
      case 'sonde':
        return trySonde(page, args);
      case 'npm':
        if (args[0] === 'run') expect(scripts).toHaveProperty([args[1]!]);
        else expect(['ci', 'install', 'pack', 'test']).toContain(args[0]);
        return;
      case 'git':
        return expect(args[0]).toBe('clone');
      case 'cd':
      case 'mkdir':
        return;
      case 'pip':
        return expect(args[0]).toBe('download');
      case 'node':
      case 'bash':
      case 'python':
        // What is to be computed stands in the line itself.
        if (args[0] === '-p') return;
        return expect(
          [root, path.join(root, 'node_modules/onnxruntime-node')].some((at) => existsSync(path.join(at, args[0]!))) ||
            of('python').some((one) => one.page === page && one.text.startsWith(`# ${args[0]}\n`)),
        ).toBe(true);
      default: {
        const at = program!.includes('/') ? program! : path.join('node_modules', '.bin', program!);
        expect(existsSync(path.join(root, at)), `${program}`).toBe(true);
      }
    }
  });

  /** A line of `sonde`: `run` as `plan`, which takes the same options and computes nothing. */
  const trySonde = async (page: string, [command, ...args]: readonly string[]): Promise<void> => {
    const place = await folderOf(page);
    // A bundle is made by the line before.
    if (args.some((word) => isPlaceholder(word) || word.endsWith('.sonde'))) {
      const names = ['bundle', 'models', 'store'].includes(command!) ? [command!, args[0]!] : [command!];
      const { stdout } = await sonde(place, [...names, '--help']);
      for (const option of args.filter((word) => word.startsWith('--'))) expect(stdout).toContain(option.split('=')[0]);
      return;
    }
    const { status, stderr } = await sonde(place, [command === 'run' ? 'plan' : command!, ...args]);
    expect(stderr).not.toMatch(/error|unexpected|problem/i);
    // `show` of what has not been computed says so, with status 1.
    expect(status, stderr).toBe(command === 'show' ? 1 : 0);
  };
});
