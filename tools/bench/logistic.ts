import { parseArgs } from 'node:util';
import { groupedFolds, trainProbes } from '@sonde/probing';
import { runScript } from './probing.ts';
import { synthesise } from './probing-data.ts';

const USAGE = `Times logistic probes of one layer at one penalty, four folds and all rows, on seeded synthetic states, one thread.
  --rows N       rows (10000)
  --d N          dimensions (768)
  --classes N    classes of equal size: 2 by a sigmoid, more by softmax (2)
  --penalty P    the penalty (100)
  --python PATH  a Python with scikit-learn: fit the same there and print the ratio
`;

/** Runs the benchmark; prints one JSON object to standard output. */
export async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      rows: { type: 'string', default: '10000' },
      d: { type: 'string', default: '768' },
      classes: { type: 'string', default: '2' },
      penalty: { type: 'string', default: '100' },
      python: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return;
  }
  const [rows, d, classes, penalty] = [values.rows, values.d, values.classes, values.penalty].map(Number) as [
    number,
    number,
    number,
    number,
  ];
  const { states, targets, groups } = synthesise(rows, d, 1);
  const sorted = targets[0]!.slice().sort();
  const edges = Array.from({ length: classes - 1 }, (_, k) => sorted[Math.floor(((k + 1) * rows) / classes)]!);
  const classOf = targets[0]!.map((value) => edges.filter((edge) => value >= edge).length);
  const folds = groupedFolds(groups, 4, 0);
  const told = classes === 2 ? [1] : Array.from({ length: classes }, (_, k) => k);
  const before = process.cpuUsage();
  const results = await trainProbes({
    states,
    d,
    targets: told.map((k) => ({
      scenario: 'output',
      name: `${k}`,
      label: classes === 2 ? undefined : 'class',
      values: classOf.map((own) => (own === k ? 1 : 0)),
    })),
    groups,
    folds,
    seed: 0,
    learner: { name: 'logistic', penalties: [penalty] },
  });
  const spent = process.cpuUsage(before);
  const own = (spent.user + spent.system) / 1e6;
  const head = { rows, d, classes, penalty, sonde: { cpu_s: own } };
  if (values.python === undefined) {
    process.stdout.write(`${JSON.stringify({ ...head, peer: null }, null, 2)}\n`);
    return;
  }
  const peer = runScript<{ what: string; cpu_s: number; probabilities: number[][] }>(
    values.python,
    'logistic_sklearn.py',
    [`${d}`, `${penalty}`],
    { states, targets: [classOf], groups },
    folds,
  );
  let difference = 0;
  for (const [i, k] of told.entries()) {
    const predicted = results[i]!.predictions!;
    for (const [row, p] of peer.probabilities.entries()) {
      difference = Math.max(difference, Math.abs(p[k]! - predicted[row]!));
    }
  }
  const result = {
    ...head,
    peer: { what: peer.what, cpu_s: peer.cpu_s },
    peer_cpu_over_sonde_cpu: peer.cpu_s / own,
    largest_probability_difference: difference,
  };
  process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
}
