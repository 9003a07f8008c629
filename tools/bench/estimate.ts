import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { cli, rounded } from './command-line.ts';
import { writeRandomCheckpoint } from './random-checkpoint.ts';

const pipelineFile = (name: string) => fileURLToPath(new URL(`../../pipelines/${name}.yaml`, import.meta.url));

const LARGE = `sonde: 1
name: large
params: { model: null, prompts: 8, samples: 4 }
steps:
  prompts: { uses: prompts/sample, with: { source: embedded:parlour-prompts, count: "\${{ params.prompts }}" } }
  continuations:
    uses: text/generate
    with:
      model: \${{ params.model }}
      prompts: \${{ steps.prompts.outputs.prompts }}
      num_return_sequences: \${{ params.samples }}
      max_new_tokens: 12
      capture: { layers: all, pool: [prompt, continuation] }
  states:
    uses: activations/capture
    with:
      model: \${{ params.model }}
      prompts: \${{ steps.prompts.outputs.prompts }}
      continuations: \${{ steps.continuations.outputs.continuations }}
`;

/** What is set for the second estimate: more of everything. */
const CHANGES = {
  quickstart: ['samples=9', 'prompts=200'],
  'aligned-probing': ['samples=15', 'prompts=400', 'seed=1'],
  large: ['samples=4', 'prompts=12'],
} as const;
const NAMES = ['quickstart', 'aligned-probing', 'large'] as const;

interface Line {
  readonly step: string;
  readonly estimated: number;
  readonly measured: number;
  readonly ratio: number;
}

/** Seconds by step, as `plan --estimate` expects them and as a run then takes them. */
function compare(file: string, store: string, set: readonly string[]): { total: Line; steps: Line[] } {
  const options = ['--store', store, '--json', '--device', 'cpu', ...set.flatMap((each) => ['--set', each])];
  const plan = JSON.parse(sonde('plan', file, '--estimate', ...options)) as {
    tasks: { step: string; estimate?: { seconds: number } }[];
  };
  const lines = sonde('run', file, '--out', path.join(store, '..', 'results'), ...options)
    .trim()
    .split('\n');
  const events = lines.map((line) => JSON.parse(line) as { event: string; step: string; seconds: number });
  const finished = events.filter(({ event }) => event === 'task.finished');
  const lineOf = (step: string, isOf: (each: { step: string }) => boolean): Line => {
    const estimated = plan.tasks.filter(isOf).reduce((sum, { estimate }) => sum + (estimate?.seconds ?? 0), 0);
    const measured = finished.filter(isOf).reduce((sum, { seconds }) => sum + seconds, 0);
    return { step, estimated: rounded(estimated), measured: rounded(measured), ratio: rounded(estimated / measured) };
  };
  const steps = [...new Set(finished.map(({ step }) => step))];
  return { total: lineOf('all', () => true), steps: steps.map((step) => lineOf(step, (each) => each.step === step)) };
}

function sonde(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...args], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (status !== 0) throw new Error(`sonde ${args.join(' ')} ended with status ${status}\n${stderr}`);
  return stdout;
}

/** Estimates beside what is then measured: with an empty store, and after a change, by the store's results. */
export async function main(args: string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { blocks: { type: 'string', default: '16' }, help: { type: 'boolean' } },
  });
  const cases = NAMES.filter((name) => positionals.length === 0 || positionals.includes(name));
  if (values.help) {
    console.log(
      'estimate [quickstart] [aligned-probing] [large] [--blocks N]: of 16 blocks the large model has a billion weights',
    );
    return;
  }
  const folder = mkdtempSync(path.join(tmpdir(), 'sonde-bench-'));
  try {
    const measured: Record<string, unknown> = {};
    for (const name of cases) {
      const store = path.join(folder, name, 'store');
      let file = pipelineFile(name);
      const set: string[] = [];
      if (name === 'large') {
        file = path.join(folder, 'large.yaml');
        writeFileSync(file, LARGE);
        const model = path.join(folder, 'model');
        await writeRandomCheckpoint(model, Number(values.blocks));
        set.push(`model=${model}`);
      }
      const first = compare(file, store, set);
      const again = compare(file, store, [...set, ...CHANGES[name]]);
      measured[name] = { empty_store: first, after_a_change: again };
      console.error(JSON.stringify({ [name]: measured[name] }));
    }
    console.log(JSON.stringify({ benchmark: 'estimate', measured }));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
