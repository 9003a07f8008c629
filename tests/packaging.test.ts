// The package as npm would publish it: packed, installed in an empty folder, run there.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const ROOT = path.resolve(import.meta.dirname, '..');
const MANIFEST = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {
  version: string;
  dependencies: Record<string, string>;
};

const npm = (args: readonly string[], cwd: string): string =>
  execFileSync('npm', args, {
    cwd,
    encoding: 'utf8',
    // onnxruntime-node would fetch CUDA libraries from a host that is not the npm registry.
    env: { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' },
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 1 << 26,
  });

const registryAnswers = spawnSync('npm', ['ping', '--fetch-retries=0', '--fetch-timeout=10000']).status === 0;

let folder: string;
let tarball: string;
let packed: readonly string[];

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'sonde-package-'));
  npm(['pack', '--ignore-scripts', '--pack-destination', folder], ROOT);
  tarball = path.join(folder, `sonde-${MANIFEST.version}.tgz`);
  packed = execFileSync('tar', ['-tzf', tarball], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.replace(/^package\//, ''));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the tarball', () => {
  test('holds the build, the pipelines and the embedded assets, and nothing else', () => {
    const others = packed.filter(
      (file) =>
        !/^(package\.json|README\.md|LICENSE|dist\/[^/]+\.js|dist\/index\.d\.ts)$/.test(file) &&
        !/^(pipelines|libs\/embedded\/assets)\//.test(file),
    );
    expect(others).toEqual([]);
    for (const file of ['LICENSE', 'README.md', 'dist/cli.js', 'dist/worker.js', 'dist/index.js', 'dist/index.d.ts']) {
      expect(packed).toContain(file);
    }
    expect(packed).toContain('pipelines/quickstart.yaml');
    expect(packed.some((file) => file.startsWith('libs/embedded/assets/models/'))).toBe(true);
  });

  test('depends on exactly the packages that its code imports', () => {
    const imported = new Set<string>();
    const dist = path.join(ROOT, 'dist');
    for (const file of readdirSync(dist).filter((name) => name.endsWith('.js'))) {
      const text = readFileSync(path.join(dist, file), 'utf8');
      for (const { fileName } of ts.preProcessFile(text, true, true).importedFiles) {
        if (fileName.startsWith('.') || fileName.startsWith('node:')) continue;
        imported.add(
          fileName
            .split('/')
            .slice(0, fileName.startsWith('@') ? 2 : 1)
            .join('/'),
        );
      }
    }
    expect([...imported].sort()).toEqual(Object.keys(MANIFEST.dependencies).sort());
  });
});

describe.skipIf(!registryAnswers)(
  'installed in an empty folder (skipped where the npm registry does not answer)',
  () => {
    let home: string;

    const sonde = (...args: readonly string[]) =>
      spawnSync(path.join(home, 'node_modules/.bin/sonde'), args, { cwd: home, encoding: 'utf8' });

    beforeAll(() => {
      home = path.join(folder, 'empty');
      mkdirSync(home);
      npm(['init', '-y'], home);
      npm(['install', '--prefer-offline', '--no-audit', '--no-fund', tarball], home);
    });

    test('npm finds nothing missing or out of place', () => {
      expect(() => npm(['ls', '--all'], home)).not.toThrow();
    });

    test('sonde --version says the version of the package', () => {
      const { status, stdout } = sonde('--version');
      expect(stdout.trim()).toBe(MANIFEST.version);
      expect(status).toBe(0);
    });

    test('sonde steps lists the step kinds', () => {
      const { status, stdout } = sonde('steps');
      expect(stdout).toContain('text/generate');
      expect(stdout).toContain('report/html');
      expect(status).toBe(0);
    });

    test('sonde doctor finds ONNX Runtime', () => {
      const { status, stdout, stderr } = sonde('doctor');
      expect(stdout + stderr).toMatch(/onnx ?runtime/i);
      expect(status).toBe(0);
    });

    test('sonde plan reads the pipeline that ships inside', () => {
      const { status, stdout, stderr } = sonde('plan', 'node_modules/sonde/pipelines/quickstart.yaml', '--json');
      expect(stderr).not.toMatch(/\n\s+at /);
      expect(JSON.parse(stdout).sonde).toBe(1);
      expect(status).toBe(0);
    });

    test('a strict TypeScript program can use it', () => {
      const program = `import { readFile, writeFile } from 'node:fs/promises';
import { defineStep, loadPipeline, plan, run, schema } from 'sonde';

export const main = async (file: string): Promise<string> => {
  const loaded = await loadPipeline(file, { set: { prompts: 10 } });
  if (!loaded.ok) return loaded.diagnostics.map((diagnostic) => diagnostic.message).join();
  const { tasks } = await plan(loaded.graph, { store: 'cache' });
  const handle = await run(loaded.graph, { jobs: 1 });
  for await (const event of handle.events) if (event.event === 'run.finished') return event.status;
  return tasks.map((task) => task.key).join();
};

// @ts-expect-error: a step kind has a revision
defineStep({ kind: 'mine/own' });

const { artifact, integer, list, object, optional, text, words } = schema;

export const wordCount = defineStep({
  kind: 'text/word-count',
  revision: 1,
  summary: 'Counts the words of a text.',
  config: object({
    text: artifact('file'),
    least: integer({ minimum: 1, default: 1 }),
    order: words(['name', 'count'], { default: 'name' }),
    stop: optional(list(text())),
  }),
  outputs: { counts: { type: 'json', description: 'Word → how often it occurs.' } },
  load: async () => ({
    async run({ config, output }) {
      const found = (await readFile(config.text.path, 'utf8')).match(/\\p{L}+/gu) ?? [];
      const kept = found.filter((word) => word.length >= config.least && !config.stop?.includes(word));
      await writeFile(output('counts'), JSON.stringify({ kept, byName: config.order === 'name' }));
      // @ts-expect-error: a key that may be absent is not used as if it were there
      config.stop.length;
      // @ts-expect-error: its schema has no such word
      config.order === 'length';
      // @ts-expect-error: its schema has no such key
      config.most;
    },
  }),
});
`;
      writeFileSync(path.join(home, 'program.mts'), program);
      const options: ts.CompilerOptions = {
        strict: true,
        noEmit: true,
        target: ts.ScriptTarget.ES2022,
        module: ts.ModuleKind.NodeNext,
        moduleResolution: ts.ModuleResolutionKind.NodeNext,
        types: ['node'],
        typeRoots: [path.join(ROOT, 'node_modules/@types')],
      };
      const problems = ts.getPreEmitDiagnostics(ts.createProgram([path.join(home, 'program.mts')], options));
      expect(problems.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))).toEqual([]);
    });
  },
);
