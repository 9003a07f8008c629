import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { randomStream } from '@sonde/numerics';
import { groupedFolds, trainProbes } from '@sonde/probing';
import { openSafetensors, readFloat32AtSync } from '@sonde/tensors';

const USAGE = `Probes one layer of states that lie on disk and are read as they are needed: time and peak of memory, one thread.
  --rows N          states (250000), 25 a prompt
  --d N             dimensions (4096)
  --targets N       targets (12: six attributes in two scenarios)
  --permutations N  of each target (0)
  --folder PATH     where the states are written, and removed (the temporary folder)
`;

const ROWS = 1000;

/** Runs the benchmark; prints one JSON object to standard output. */
export async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      rows: { type: 'string', default: '250000' },
      d: { type: 'string', default: '4096' },
      targets: { type: 'string', default: '12' },
      permutations: { type: 'string', default: '0' },
      folder: { type: 'string', default: tmpdir() },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return;
  }
  const [rows, d, count] = [Number(values.rows), Number(values.d), Number(values.targets)];
  const folder = mkdtempSync(join(values.folder, 'sonde-bench-'));
  try {
    const path = join(folder, 'states.safetensors');
    const targets = writeLayer(path, rows, d, count);
    const file = await openSafetensors(path);
    const groups = Array.from({ length: rows }, (_, row) => `prompt-${Math.floor(row / 25)}`);
    const [before, wall] = [process.cpuUsage(), performance.now()];
    const results = await trainProbes({
      states: { rows, read: (of) => readFloat32AtSync(file, 'hidden_states', of, 0) },
      d,
      targets: targets.map((of, t) => ({ scenario: 'output', name: `target-${t}`, values: of })),
      groups,
      folds: groupedFolds(groups, 4, 0),
      seed: 0,
      learner: { name: 'ridge', penalties: Array.from({ length: 9 }, (_, i) => 10 ** (i - 2)) },
      permutations: Number(values.permutations),
    });
    const spent = process.cpuUsage(before);
    const result = {
      rows,
      d,
      targets: count,
      permutations: Number(values.permutations),
      states_gb: (rows * d * 4) / 1e9,
      wall_s: (performance.now() - wall) / 1000,
      cpu_s: (spent.user + spent.system) / 1e6,
      peak_gb: (process.resourceUsage().maxRSS * 1024) / 1e9,
      pearson: results.map(({ foldMean }) => foldMean.value),
    };
    process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Writes seeded states as one layer of an artifact, a piece in memory at a time; returns targets that some dimensions tell. */
function writeLayer(path: string, rows: number, d: number, count: number): Float64Array[] {
  const targets = Array.from({ length: count }, () => new Float64Array(rows));
  const tensor = { dtype: 'F32', shape: [rows, 1, d], data_offsets: [0, rows * d * 4] };
  const header = Buffer.from(JSON.stringify({ hidden_states: tensor }));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const handle = openSync(path, 'w');
  try {
    writeSync(handle, length);
    writeSync(handle, header);
    const stream = randomStream(0, 'bench/probing-scale');
    const piece = new Float32Array(ROWS * d);
    for (let start = 0; start < rows; start += ROWS) {
      const some = Math.min(ROWS, rows - start);
      for (let at = 0; at < some * d; at++) {
        piece[at] = (stream.word() / 0x40000000 - 2) / Math.sqrt(1 + (at % d) / 16);
      }
      for (const [t, of] of targets.entries()) {
        for (let r = 0; r < some; r++) {
          let sum = stream.word() / 0x80000000 - 1;
          for (let j = t; j < d; j += 7) sum += piece[r * d + j]! / 4;
          of[start + r] = 1 / (1 + Math.exp(-sum));
        }
      }
      writeSync(handle, new Uint8Array(piece.buffer, 0, some * d * 4));
    }
  } finally {
    closeSync(handle);
  }
  return targets;
}
