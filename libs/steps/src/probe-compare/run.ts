import { groupBy, UserError } from '@sonde/base';
import type { InputArtifact, RunContext } from '@sonde/executor';
import { PREDICTIONS, PROBE_CHANGES, type RowOf, readRows, writeRows } from '@sonde/formats';
import { compareProbes, type HeldOutPredictions } from '@sonde/probing';
import { resampler, standardDeviation } from '@sonde/statistics';
import { axesText, settingText } from '../shared/axes.ts';
import { divide } from '../shared/baseline.ts';
import type { Config } from './config.ts';

type Prediction = RowOf<typeof PREDICTIONS>;

/** The predictions of one probe: of a layer, a scenario and a target. */
interface Probe extends Pick<Prediction, 'scenario' | 'target' | 'layer'> {
  readonly held: HeldOutPredictions;
}

interface Probed {
  readonly source: InputArtifact;
  /** By what was probed. */
  readonly probes: ReadonlyMap<string, Probe>;
}

async function read(source: InputArtifact, { scenarios, targets }: Config): Promise<Probed> {
  const rows = await readRows(source.path, PREDICTIONS, { what: source.ref ?? 'the predictions' });
  const wanted = rows.filter(
    ({ scenario, target }) => (scenarios?.includes(scenario) ?? true) && (targets?.includes(target) ?? true),
  );
  const groups = groupBy(wanted, ({ scenario, target, layer }) => JSON.stringify([scenario, target, layer]));
  const probes = [...groups].map(([key, own]): [string, Probe] => {
    const { scenario, target, layer } = own[0]!;
    // In `paper` each seed predicts every row: all of them are held out, and count as one fold each.
    const seeds = [...new Set(own.map(({ seed }) => seed))];
    const folds = 1 + Math.max(...own.map(({ fold }) => fold));
    const held = {
      target: Float64Array.from(own, ({ truth }) => truth),
      predicted: Float64Array.from(own, ({ prediction }) => prediction),
      groups: own.map(({ prompt_id, seed }) => (seeds.length === 1 ? prompt_id : `${seed} ${prompt_id}`)),
      folds: Int32Array.from(own, ({ fold, seed }) => seeds.indexOf(seed) * folds + fold),
    };
    return [key, { scenario, target, layer, held }];
  });
  return { source, probes: new Map(probes) };
}

function referenceOf({ axes }: InputArtifact, references: readonly Probed[]): Probed {
  const found = references.filter(({ source }) =>
    Object.entries(source.axes).every(
      ([name, value]) => axes[name] === undefined || JSON.stringify(axes[name]) === JSON.stringify(value),
    ),
  );
  if (found.length === 1) return found[0]!;
  throw new UserError(
    'ids',
    `${axesText({ axes })} has ${found.length} references with equal values on the axes that both have; it needs one`,
    'Collect `reference` over axes that `predictions` has too, or give a single one.',
  );
}

/** `probe/compare`. */
export async function run({ config, output, log }: RunContext<Config>): Promise<void> {
  const { settings, references: sources } = config.baseline
    ? divide(config.predictions, config.baseline)
    : { settings: config.predictions, references: config.reference ?? [] };
  const references = await Promise.all(sources.map((source) => read(source, config)));
  const { level, seed, resamples } = config.bootstrap;
  const draw = resampler(seed, 'prompts', resamples);
  const rows: RowOf<typeof PROBE_CHANGES>[] = [];
  for (const source of settings) {
    const { probes } = await read(source, config);
    const reference = referenceOf(source, references);
    const alone = [...probes.keys()].filter((key) => !reference.probes.has(key)).length;
    if (alone > 0) log('warning', `${axesText(source)}: ${alone} of ${probes.size} probes have none to compare with`);
    for (const [key, { held, ...probed }] of probes) {
      const other = reference.probes.get(key);
      if (other === undefined) continue;
      const { groups, a, b, difference } = compareProbes(other.held, held, draw, level);
      const [spread, before] = [standardDeviation(held.target), standardDeviation(other.held.target)];
      rows.push({
        comparison: config.name,
        setting: settingText(source),
        axes: source.axes,
        ...probed,
        value: b.value,
        other: a.value,
        difference: difference.estimate,
        low: difference.low,
        high: difference.high,
        target_sd_ratio: spread === null || !before ? null : spread / before,
        n: groups,
        reason: difference.reason ?? null,
      });
    }
  }
  await writeRows(output('changes'), PROBE_CHANGES, rows);
}
