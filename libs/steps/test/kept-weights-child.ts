// Begins to make the weights of a test in a store, says so, and waits to be killed.
import { writeFile } from 'node:fs/promises';
import { keepQuantized } from '../src/shared/model/kept-weights.ts';

const [store = '', digest = ''] = process.argv.slice(2);
const task = { memory: { store, refresh: false }, log: () => undefined, signal: new AbortController().signal };
const keep = keepQuantized(() => task, { digest });
await keep({ quantization: 'nf4' }, async (path) => {
  await writeFile(path, 'half of');
  console.log('writing');
  await new Promise((resolve) => setTimeout(resolve, 600_000));
});
