import { readFile, writeFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { FORMATS, meaningProse, type TableFormat, type TensorsFormat, typeProse } from '../src/index.ts';

const PAGE = new URL('../../../docs/reference/tables.md', import.meta.url);

const INTRODUCTION = `# Tables and tensors

Tables are Parquet files, tensors safetensors files. A missing value is null, never NaN; where a value is undefined a
column \`reason\` says why. Written from \`libs/formats/src/columns/\`; \`SONDE_WRITE_DOCS=1 npx vitest run libs/formats\`
writes it anew.
`;

const row = (...cells: string[]): string => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;

const columnTable = ({ columns }: TableFormat): string =>
  [
    row('column', 'type', 'what'),
    row('---', '---', '---'),
    ...Object.entries(columns).map(([name, spec]) => row(`\`${name}\``, typeProse(spec), meaningProse(spec))),
  ].join('\n');

const tensorTable = ({ tensors }: TensorsFormat): string =>
  [
    row('tensor', 'shape', 'what'),
    row('---', '---', '---'),
    ...tensors.map(({ name, shape, what }) => row(`\`${name}\``, shape, what)),
  ].join('\n');

const section = (format: TableFormat | TensorsFormat): string => {
  const { name, madeBy, what, notes } = format;
  const parts = [
    `## ${name[0]!.toUpperCase()}${name.slice(1)} (${madeBy.map((kind) => `\`${kind}\``).join(', ')})`,
    what,
    'columns' in format ? columnTable(format) : tensorTable(format),
    ...(notes === undefined ? [] : [notes]),
    ...('index' in format && format.index !== undefined ? [columnTable(format.index)] : []),
  ];
  return `${parts.join('\n\n')}\n`;
};

it('the reference page is written from the tables of columns', async () => {
  const text = [INTRODUCTION, ...FORMATS.map(section)].join('\n');
  if (process.env.SONDE_WRITE_DOCS === '1') await writeFile(PAGE, text);
  expect(await readFile(PAGE, 'utf8')).toBe(text);
});
