import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { groupedFolds, trainProbes } from '@sonde/probing';
import { type Data, synthesise } from './probing-data.ts';

const USAGE = `Times nested ridge probes of one layer on seeded synthetic states, one thread.
  --rows N       rows (10000)
  --d N          dimensions (768)
  --targets N    targets (6)
  --folds N      outer folds (4)
  --controls N   control permutations of each target (0)
  --paper        also the published procedure, one target, fold and seed, beside PyTorch and PyTorch Lightning
                 (--python with torch and lightning)
  --python PATH  a Python with scikit-learn: run the same nested cross-validation there and print the ratio
  --dtype T      float32 or float64: what scikit-learn computes in (float64)
  --peer-folds N outer folds that scikit-learn runs; its time is scaled up to all (all)
`;

/** Runs the benchmark; prints one JSON object to standard output. */
export async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      rows: { type: 'string', default: '10000' },
      d: { type: 'string', default: '768' },
      targets: { type: 'string', default: '6' },
      folds: { type: 'string', default: '4' },
      controls: { type: 'string', default: '0' },
      paper: { type: 'boolean', default: false },
      python: { type: 'string' },
      dtype: { type: 'string', default: 'float64' },
      'peer-folds': { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return;
  }
  const [rows, d, count, folds] = [Number(values.rows), Number(values.d), Number(values.targets), Number(values.folds)];
  const data = synthesise(rows, d, count);
  const foldOf = groupedFolds(data.groups, folds, 0);

  const cpuBefore = process.cpuUsage();
  const before = performance.now();
  const results = await trainProbes({
    states: data.states,
    d,
    targets: data.targets.map((target, t) => ({ scenario: 'output', name: `target-${t}`, values: target })),
    groups: data.groups,
    folds: foldOf,
    seed: 0,
    learner: {
      name: 'ridge',
      penalties: Array.from({ length: 9 }, (_, i) => 10 ** (i - 2)),
      scale: false,
      extend: false,
    },
    penaltyChoice: 'shared',
    permutations: Number(values.controls),
  });
  const wall = (performance.now() - before) / 1000;
  const cpu = process.cpuUsage(cpuBefore);
  const sonde = { wall_s: wall, cpu_s: (cpu.user + cpu.system) / 1e6 };
  const scores = results.map((result) => result.folds.map((fold) => fold.scores.pearson.value ?? 0));
  const head = { rows, d, targets: count, folds, controls: Number(values.controls), sonde };
  if (values.python === undefined) {
    print({ ...head, peer: null });
    return;
  }
  if (values.paper) {
    print({ ...head, ...(await paperRatios(values.python, data, foldOf, d, sonde.cpu_s)) });
    return;
  }
  const peerFolds = values['peer-folds'] === undefined ? folds : Number(values['peer-folds']);
  const peer = runPeer(values.python, values.dtype, peerFolds, data, foldOf, d);
  let difference = 0;
  for (const [t, folded] of peer.pearson.entries()) {
    for (const [f, r] of folded.entries()) difference = Math.max(difference, Math.abs(r - scores[t]![f]!));
  }
  const scaled = (peer.cpu_s * folds) / peerFolds;
  print({
    ...head,
    peer: { what: peer.what, dtype: values.dtype, folds_run: peerFolds, wall_s: peer.wall_s, cpu_s: peer.cpu_s },
    peer_cpu_over_sonde_cpu: scaled / sonde.cpu_s,
    largest_pearson_difference: difference,
  });
}

/** Fits of the published table for each of ours: one for each of 4 folds, 6 targets and 5 seeds. */
const PUBLISHED_FITS = 4 * 6 * 5;

async function paperRatios(python: string, data: Data, foldOf: Int32Array, d: number, ridge: number): Promise<object> {
  const before = process.cpuUsage();
  const [result] = await trainProbes({
    states: data.states,
    d,
    targets: [{ scenario: 'output', name: 'target-0', values: data.targets[0]! }],
    groups: data.groups,
    folds: foldOf,
    heldOut: [0],
    seed: 0,
    learner: { name: 'sgd', seed: 0 },
  });
  // Of the two fits the second is the one that is kept; both have the same number of rows.
  const spent = process.cpuUsage(before);
  const own = (spent.user + spent.system) / 1e6 / 2;
  const plain = runScript<TorchPeer>(python, 'probing_torch.py', [`${d}`, 'plain'], data, foldOf);
  const lightning = runScript<TorchPeer>(python, 'probing_torch.py', [`${d}`, 'lightning'], data, foldOf);
  return {
    paper: { cpu_s_a_fit: own, pearson: result!.folds[0]!.scores.pearson.value },
    plain,
    lightning,
    plain_cpu_over_paper_cpu: plain.cpu_s / own,
    published_table_cpu_over_ridge_cpu: (lightning.cpu_s * PUBLISHED_FITS) / ridge,
  };
}

function print(value: object): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

interface Peer {
  readonly what: string;
  readonly wall_s: number;
  readonly cpu_s: number;
  /** [targets][folds run] */
  readonly pearson: number[][];
}

interface TorchPeer {
  readonly what: string;
  readonly wall_s: number;
  readonly cpu_s: number;
  readonly pearson: number;
}

function runPeer(python: string, dtype: string, folds: number, data: Data, foldOf: Int32Array, d: number): Peer {
  const argv = [`${d}`, `${data.targets.length}`, dtype, `${folds}`];
  return runScript<Peer>(python, 'probing_sklearn.py', argv, data, foldOf);
}

/** Runs a peer's script on the data, one thread. */
export function runScript<Printed>(
  python: string,
  name: string,
  args: string[],
  data: Data,
  foldOf: Int32Array,
): Printed {
  const folder = mkdtempSync(join(tmpdir(), 'sonde-bench-'));
  try {
    writeFileSync(join(folder, 'states.f32'), data.states);
    writeFileSync(join(folder, 'folds.i32'), foldOf);
    for (const [t, target] of data.targets.entries()) writeFileSync(join(folder, `target-${t}.f64`), target);
    const argv = [fileURLToPath(new URL(name, import.meta.url)), folder, ...args];
    const threads = { OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1', MKL_NUM_THREADS: '1' };
    const env = { ...process.env, ...threads };
    const child = spawnSync(python, argv, { encoding: 'utf8', env, maxBuffer: 2 ** 28 });
    if (child.status !== 0) throw new Error(`${python} failed: ${child.error?.message ?? child.stderr}`);
    return JSON.parse(child.stdout.trimEnd().split('\n').at(-1)!) as Printed;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
