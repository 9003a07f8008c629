import { UserError } from '@sonde/base';
import type { InputArtifact, RunContext } from '@sonde/executor';
import { axesText, axisText } from '../shared/axes.ts';
import { matchIds, sayMatch, twice } from '../shared/matching.ts';
import type { Config } from './config.ts';
import { readScores, readTexts, type Scores } from './read.ts';

/** The rows of one table of scores, each with its reference. */
export interface PairedTable {
  /** Its axes, as readers know them. */
  readonly name: string;
  readonly ids: readonly string[];
  readonly prompts: readonly string[] | undefined;
  readonly scores: ReadonlyMap<string, Float64Array>;
  readonly references: ReadonlyMap<string, Float64Array>;
  /** 1 where a scorer says that the text is empty. */
  readonly empty: { readonly scores: Uint8Array; readonly references: Uint8Array };
  /** Undefined where texts are not known. */
  readonly texts: readonly (string | undefined)[] | undefined;
  readonly scorers: readonly string[];
  readonly referenceScorers: readonly string[];
}

/** Reads the tables that belong together, and joins their rows by id. */
export async function readPairs({ config, log }: Pick<RunContext<Config>, 'config' | 'log'>): Promise<PairedTable[]> {
  const { labels, column, unmatched } = config;
  const varying = varyingAxes(config.scores);
  const tables: PairedTable[] = [];
  for (const source of config.scores) {
    const name = nameOf(source, varying);
    const partner = partnerOf(source, config.reference, 'reference');
    const scores = await readScores(source, { what: source.ref ?? `the scores of ${name}`, column });
    const reference = await readScores(partner, {
      what: partner.ref ?? `the reference of ${name}`,
      column,
      ...(labels && { labels }),
    });
    const texts = config.texts && (await readTexts(partnerOf(source, config.texts, 'texts'), column));
    const rows = rowsOf(scores, reference, unmatched, log);
    tables.push({
      name,
      ids: scores.ids,
      prompts: scores.prompts,
      scores: scores.byAttribute,
      references: new Map(
        [...reference.byAttribute].map(([attribute, values]) => [
          attribute,
          Float64Array.from(rows, (row) => values[row] ?? Number.NaN),
        ]),
      ),
      empty: { scores: scores.empty, references: Uint8Array.from(rows, (row) => reference.empty[row] ?? 0) },
      texts: texts && scores.ids.map((id) => texts.get(id)),
      scorers: scores.scorers,
      referenceScorers: reference.scorers,
    });
  }
  return tables;
}

/** Of each row of the scores, the row of the reference; −1 where it has none. */
function rowsOf(scores: Scores, reference: Scores, policy: Config['unmatched'], log: RunContext['log']): Int32Array {
  const { ids } = scores;
  // Tables of the same texts in the same order need no ids, so that equal texts without ids may stand in them twice.
  if (ids.length === reference.ids.length && ids.every((id, row) => id === reference.ids[row])) {
    return Int32Array.from(ids, (_, row) => row);
  }
  const match = matchIds({ what: 'scores', ids }, { what: 'reference rows', ids: reference.ids });
  sayMatch(match, policy, log, { mayBeMore: true });
  const wanted = new Set(ids);
  const places = new Map<string, number>();
  for (const [row, id] of reference.ids.entries()) {
    const earlier = places.get(id);
    // The label of either row would be as good.
    if (earlier !== undefined && wanted.has(id)) throw twice('reference rows', id, earlier, row);
    places.set(id, row);
  }
  return Int32Array.from(ids, (id) => places.get(id) ?? -1);
}

/** The one of several tables that has the same axes; the only one, where there is one. */
function partnerOf(source: InputArtifact, others: readonly InputArtifact[], what: string): InputArtifact {
  const [only] = others;
  if (only !== undefined && others.length === 1) return only;
  const own = axesText(source);
  const found = others.filter((other) => axesText(other) === own);
  if (found.length === 1) return found[0]!;
  const there = others.map(axesText).join('; ');
  throw new UserError(
    'input',
    `\`${what}\` has ${found.length} tables for ${own}; it has ${others.length}: ${there}`,
    'Collect both over the same axes.',
  );
}

function varyingAxes(sources: readonly InputArtifact[]): string[] {
  const names = [...new Set(sources.flatMap(({ axes }) => Object.keys(axes)))].sort();
  const varying = names.filter((name) => new Set(sources.map(({ axes }) => JSON.stringify(axes[name]))).size > 1);
  return varying.length > 0 ? varying : names.slice(0, 1);
}

function nameOf({ axes }: InputArtifact, names: readonly string[]): string {
  return names.map((name) => axisText(axes[name])).join(', ') || 'all';
}
