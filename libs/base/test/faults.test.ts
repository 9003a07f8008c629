import { readFile, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { FAULTS, type Fault, isMachineFault } from '../src/index.ts';

test('the page of failures is written from the table', async () => {
  const page = new URL('../../../docs/reference/failures.md', import.meta.url);
  const rows = (Object.keys(FAULTS) as Fault[]).map(
    (code) => `| \`${code}\` | ${FAULTS[code]} | ${isMachineFault(code) ? 4 : 1} |`,
  );
  const text = `# Failures

Why a task has no result: \`failure.code\` in the events of \`sonde run --json\`. Codes are stable. Where the exit status is 4,
the machine that holds the store is at fault, and the run stops, also with \`--keep-going\`. What a pipeline file has wrong
is in [Diagnostics](diagnostics.md). Written from \`libs/base/src/user-error.ts\`; \`SONDE_WRITE_DOCS=1 npx vitest run libs/base\`
writes it anew.

| code | means | exit status |
| --- | --- | --- |
${rows.join('\n')}
`;
  if (process.env.SONDE_WRITE_DOCS === '1') await writeFile(page, text);
  expect(await readFile(page, 'utf8')).toBe(text);
});
