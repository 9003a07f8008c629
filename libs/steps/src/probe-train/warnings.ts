import type { Probed } from './probing.ts';

/** What a reader of the scores should know before: probes without any, and penalties at the end of their grid. */
export function warningsOf(probed: readonly Probed[]): string[] {
  const ofStates = probed.filter(({ features }) => features === 'states');
  return [...undefinedProbes(ofStates), ...undefinedFolds(ofStates), ...edges(ofStates)];
}

/** One warning for each scenario × target whose probes have no score in any layer and fold. */
function undefinedProbes(probed: readonly Probed[]): string[] {
  const reasons = new Map<string, Set<string>>();
  const defined = new Set<string>();
  for (const { result } of probed) {
    const name = `${result.scenario} ${result.target}`;
    for (const { scores } of result.folds) {
      const { value, reason } = scores.pearson;
      if (value !== null) defined.add(name);
      else if (reason !== undefined)
        reasons.set(name, (reasons.get(name) ?? new Set()).add(reason.replaceAll('_', ' ')));
    }
  }
  return [...reasons]
    .filter(([name]) => !defined.has(name))
    .map(([name, why]) => `no probe score for ${name}: ${[...why].join(', ')}`);
}

/** Probes whose mean stands on some of the folds only. */
function undefinedFolds(probed: readonly Probed[]): string[] {
  const partial = probed.filter(
    ({ result }) => result.undefinedFolds > 0 && result.undefinedFolds < result.folds.length,
  );
  if (partial.length === 0) return [];
  return [
    `${partial.length} of ${probed.length} probes have no score in some folds (${examples(partial)}); their means are over the others: see \`undefined_folds\``,
  ];
}

/** Probes with a score whose inner errors still fell at the end of the grid, although it was extended. */
function edges(probed: readonly Probed[]): string[] {
  const atEdge = probed.filter(({ result }) =>
    result.folds.some((fold) => fold.atEdge && fold.scores.pearson.value !== null),
  );
  if (atEdge.length === 0) return [];
  return [
    `the inner errors of ${atEdge.length} of ${probed.length} probes still fell at the last penalty, three decades beyond \`penalties\` (${examples(atEdge)}): a better one lies farther on; see \`at_edge\``,
  ];
}

function examples(probed: readonly Probed[]): string {
  const named = probed.slice(0, 3).map(({ layer, result }) => `${result.scenario} ${result.target}, layer ${layer}`);
  return `${named.join('; ')}${probed.length > 3 ? '; …' : ''}`;
}
