// npm run bench -- NAME [OPTIONS]: each benchmark prints one JSON object, with the machine it ran on.
import { cpus, totalmem } from 'node:os';

const BENCHMARKS: Readonly<Record<string, () => Promise<{ main(args: string[]): Promise<void> }>>> = {
  quickstart: () => import('./quickstart.ts'),
  noop: () => import('./noop.ts'),
  generation: () => import('./generation.ts'),
  roofline: () => import('./roofline.ts'),
  precision: () => import('./precision.ts'),
  large: () => import('./large.ts'),
  capture: () => import('./capture.ts'),
  classification: () => import('./classification.ts'),
  probing: () => import('./probing.ts'),
  logistic: () => import('./logistic.ts'),
  'probing-scale': () => import('./probing-scale.ts'),
  scoring: () => import('./scoring.ts'),
  million: () => import('./million.ts'),
  experiment: () => import('./experiment.ts'),
  estimate: () => import('./estimate.ts'),
  transfer: () => import('./transfer.ts'),
  orders: () => import('./orders.ts'),
};

const [name = '', ...args] = process.argv.slice(2);
const load = BENCHMARKS[name];
if (load === undefined) {
  console.error(`Which benchmark? ${Object.keys(BENCHMARKS).join(', ')}. --help after its name shows its options.`);
  process.exitCode = 2;
} else {
  console.error(
    `${cpus().length} × ${cpus()[0]?.model}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`,
  );
  await (await load()).main(args);
}
