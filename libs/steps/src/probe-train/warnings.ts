import { groupBy } from '@sonde/base';
import type { ScoreRow } from './rows.ts';

/** The folds of one probe. */
type Folds = readonly ScoreRow[];

/** What a reader of the scores should know before: probes without any, and penalties at the end of their grid. */
export function warningsOf(rows: readonly ScoreRow[]): string[] {
  const ofStates = rows.filter(({ features }) => features === 'states');
  const probes = [
    ...groupBy(ofStates, (row) => JSON.stringify([row.scenario, row.target, row.layer, row.seed])).values(),
  ];
  return [...undefinedProbes(ofStates), ...undefinedFolds(probes), ...edges(probes)];
}

/** One warning for each scenario × target whose probes have no score in any layer and fold. */
function undefinedProbes(rows: readonly ScoreRow[]): string[] {
  const reasons = new Map<string, Set<string>>();
  const defined = new Set<string>();
  for (const { scenario, target, pearson, reason } of rows) {
    const name = `${scenario} ${target}`;
    if (pearson !== null) defined.add(name);
    else if (reason !== null) reasons.set(name, (reasons.get(name) ?? new Set()).add(reason.replaceAll('_', ' ')));
  }
  return [...reasons]
    .filter(([name]) => !defined.has(name))
    .map(([name, why]) => `no probe score for ${name}: ${[...why].join(', ')}`);
}

/** Probes whose mean stands on some of the folds only. */
function undefinedFolds(probes: readonly Folds[]): string[] {
  const partial = probes.filter((folds) => folds[0]!.undefined_folds > 0 && folds[0]!.undefined_folds < folds.length);
  if (partial.length === 0) return [];
  return [
    `${partial.length} of ${probes.length} probes have no score in some folds (${examples(partial)}); their means are over the others: see \`undefined_folds\``,
  ];
}

/** Probes with a score whose inner errors still fell at the end of the grid, although it was extended. */
function edges(probes: readonly Folds[]): string[] {
  const atEdge = probes.filter((folds) => folds.some(({ at_edge, pearson }) => at_edge && pearson !== null));
  if (atEdge.length === 0) return [];
  return [
    `the inner errors of ${atEdge.length} of ${probes.length} probes still fell at the last penalty, three decades beyond \`penalties\` (${examples(atEdge)}): a better one lies farther on; see \`at_edge\``,
  ];
}

function examples(probes: readonly Folds[]): string {
  const named = probes.slice(0, 3).map(([row]) => `${row!.scenario} ${row!.target}, layer ${row!.layer}`);
  return `${named.join('; ')}${probes.length > 3 ? '; …' : ''}`;
}
