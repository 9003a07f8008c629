import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

const ROOT = path.resolve(import.meta.dirname, '..');
const CRUISER = path.join(ROOT, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');

/** A workspace in small: what each file says, and the rule that has to catch it (none: it is allowed). */
const FILES: readonly (readonly [file: string, text: string, caught?: string])[] = [
  [
    'libs/tables/src/index.ts',
    'export interface Table { rows: number }\nexport const read = (): Table => ({ rows: 0 });',
  ],
  ['libs/tables/src/parquet.ts', 'export const bytes = 1;'],
  ['libs/report/src/index.ts', "export { read } from '@sonde/tables';"],
  ['libs/report/src/internals.ts', "export { bytes } from '@sonde/tables/../parquet.ts';", 'no-unresolvable'],
  ['libs/report/src/inside.ts', "export { bytes } from '../../tables/src/parquet.ts';", 'no-internals'],
  ['libs/report/src/relative.ts', "export { read } from '../../tables/src/index.ts';", 'no-relative-path-out'],
  ['libs/store/src/index.ts', 'export const store = 1;'],
  ['libs/pipeline/src/index.ts', 'export const pipeline = 1;'],
  ['libs/pipeline/src/knows-store.ts', "export { store } from '@sonde/store';", 'pipeline-imports'],
  [
    'libs/store/src/knows-type.ts',
    "import type { Table } from '@sonde/tables';\nexport const rows = (t: Table) => t.rows;",
    'store-imports',
  ],
  ['libs/tables/src/late.ts', "export const late = () => import('@sonde/pipeline');", 'tables-imports'],
  ['libs/statistics/src/index.ts', "export { value } from 'declared';", 'statistics-packages'],
  ['libs/tensors/src/index.ts', "export { value } from 'declared';"],
  ['libs/tensors/src/undeclared.ts', "export { value } from 'undeclared';", 'no-undeclared-packages'],
  ['libs/tensors/src/development.ts', "export { value } from 'development';", 'no-development-packages-in-code'],
  ['libs/onnx/src/index.ts', "export { b } from './b.ts';\nexport const a = 1;", 'no-cycles'],
  ['libs/onnx/src/b.ts', "export { a as b } from './index.ts';", 'no-cycles'],
  [
    'libs/executor/src/decide/plan.ts',
    "import type { Run } from '../run/run.ts';\nexport type Plan = Run;",
    'decide-alone',
  ],
  ['libs/executor/src/run/run.ts', "export type { Job as Run } from '../backends/backend.ts';"],
  ['libs/executor/src/run/local.ts', "export { pool } from '../backends/local/pool.ts';", 'any-backend'],
  ['libs/executor/src/backends/backend.ts', 'export interface Job { kind: string }'],
  ['libs/executor/src/backends/local/pool.ts', 'export const pool = 1;'],
  ['libs/executor/src/backends/local/store.ts', "export { store } from '@sonde/store';", 'jobs-alone'],
  ['libs/executor/src/a.ts', "import type { B } from './b.ts';\nexport interface A { b: B }", 'no-cycles'],
  ['libs/executor/src/b.ts', "import type { A } from './a.ts';\nexport interface B { a: A }", 'no-cycles'],
  ['libs/novel/src/index.ts', "export { read } from '@sonde/tables';", 'known-library'],
  ['tools/cli/src/main.ts', "import '@sonde/pipeline';\nimport '@sonde/store';"],
  ['tools/cli/src/report.ts', "import '@sonde/report';", 'cli-imports'],
  ['libs/steps/src/index.ts', "import '../../../tools/cli/src/main.ts';", 'no-tools-in-libraries'],
];

let folder: string;
let violations: readonly { from: string; rule: { name: string }; cycle?: readonly { name: string }[] }[];

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'sonde-boundaries-'));
  const write = (file: string, text: string) => {
    mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
    writeFileSync(path.join(folder, file), `${text}\n`);
  };
  for (const [file, text] of FILES) write(file, text);
  for (const name of ['declared', 'undeclared', 'development']) {
    write(`node_modules/${name}/package.json`, JSON.stringify({ name, version: '1.0.0', exports: './index.js' }));
    write(`node_modules/${name}/index.js`, 'export const value = 1;');
  }
  write('package.json', JSON.stringify({ dependencies: { declared: '1' }, devDependencies: { development: '1' } }));
  copyFileSync(path.join(ROOT, 'tsconfig.json'), path.join(folder, 'tsconfig.json'));
  const config = path.join(ROOT, '.dependency-cruiser.cjs');
  const output = execFileSync(process.execPath, [CRUISER, 'libs', 'tools', '--config', config, '-T', 'json'], {
    cwd: folder,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  violations = JSON.parse(output).summary.violations;
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const rulesFor = (file: string) =>
  violations
    .filter(({ from, cycle }) => from === file || cycle?.some(({ name }) => name === file))
    .map(({ rule }) => rule.name);

for (const [file, text, caught] of FILES) {
  const title = `${file}: ${text.split('\n')[0]}`;
  if (caught === undefined) test(`allowed: ${title}`, () => expect(rulesFor(file)).toEqual([]));
  else test(`caught by ${caught}: ${title}`, () => expect(rulesFor(file)).toContain(caught));
}
