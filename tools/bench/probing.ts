import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { randomStream } from '@sonde/numerics';
import { groupedFolds, trainProbes } from '@sonde/probing';

const USAGE = `Times nested ridge probes of one layer on seeded synthetic states, one thread.
  --rows N       rows (10000)
  --d N          dimensions (768)
  --targets N    targets (6)
  --folds N      outer folds (4)
  --controls N   control permutations of each target (0)
  --python PATH  a Python with scikit-learn: run the same nested cross-validation there and print the ratio
  --dtype T      float32 or float64: what scikit-learn computes in (float64)
  --peer-folds N outer folds that scikit-learn runs; its time is scaled up to all (all)
`;

interface Data {
  readonly states: Float32Array;
  readonly targets: Float64Array[];
  readonly groups: string[];
}

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

function print(value: object): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

/** States with a falling spectrum, two outlier dimensions and four rows a group; targets that some dimensions tell. */
function synthesise(rows: number, d: number, targets: number): Data {
  const stream = randomStream(0, 'bench/probing');
  const uniform = () => stream.word() / 0x100000000 - 0.5;
  const states = new Float32Array(rows * d);
  for (let row = 0, at = 0; row < rows; row++) {
    for (let j = 0; j < d; j++, at++) states[at] = (uniform() * 4) / Math.sqrt(1 + j / 16);
    states[row * d + 1] = 60 + states[row * d + 1]!;
    states[row * d + (d >> 1)] = -25 + states[row * d + (d >> 1)]!;
  }
  const groups = Array.from({ length: rows }, (_, row) => `prompt-${row >> 2}`);
  const values = Array.from({ length: targets }, (_, t) =>
    Float64Array.from({ length: rows }, (_, row) => {
      let sum = uniform();
      for (let j = t; j < d; j += 7) sum += (states[row * d + j]! * (1 + (j % 3))) / 20;
      return 1 / (1 + Math.exp(-sum));
    }),
  );
  return { states, targets: values, groups };
}

interface Peer {
  readonly what: string;
  readonly wall_s: number;
  readonly cpu_s: number;
  /** [targets][folds run] */
  readonly pearson: number[][];
}

function runPeer(python: string, dtype: string, folds: number, data: Data, foldOf: Int32Array, d: number): Peer {
  const folder = mkdtempSync(join(tmpdir(), 'sonde-bench-'));
  try {
    writeFileSync(join(folder, 'states.f32'), data.states);
    writeFileSync(join(folder, 'folds.i32'), foldOf);
    for (const [t, target] of data.targets.entries()) writeFileSync(join(folder, `target-${t}.f64`), target);
    const script = fileURLToPath(new URL('probing_sklearn.py', import.meta.url));
    const argv = [script, folder, `${d}`, `${data.targets.length}`, dtype, `${folds}`];
    const threads = { OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1', MKL_NUM_THREADS: '1' };
    const child = spawnSync(python, argv, { encoding: 'utf8', env: { ...process.env, ...threads } });
    if (child.status !== 0) throw new Error(`${python} failed: ${child.error?.message ?? child.stderr}`);
    return JSON.parse(child.stdout) as Peer;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
