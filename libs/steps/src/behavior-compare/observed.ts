import { groupBy, type JsonObject, UserError } from '@sonde/base';
import type { InputArtifact } from '@sonde/executor';
import { CONTINUATIONS, LOSSES, type ReadRow, readRows, readScoreGrid, type ScoreGrid } from '@sonde/formats';
import { axesText } from '../shared/axes.ts';

type Loss = ReadRow<typeof LOSSES.columns, 'prompt_id' | 'tokens' | 'nll', never>;

/** What is known of one run of a model. */
export interface Observed {
  readonly axes: JsonObject;
  readonly grid: ScoreGrid;
  /** Prompt → the tokens of its continuations. */
  readonly tokens?: ReadonlyMap<string, readonly (readonly number[])[]>;
  /** Prompt → its loss. */
  readonly losses?: ReadonlyMap<string, Loss>;
}

/** Runs that are replicates of one setting. */
export interface Setting {
  readonly axes: JsonObject;
  readonly runs: readonly Observed[];
}

/** Reads scores, and what belongs to each by its axes. */
export async function observe(
  scores: readonly InputArtifact[],
  continuations: readonly InputArtifact[] | undefined,
  losses: readonly InputArtifact[] | undefined,
): Promise<Observed[]> {
  return Promise.all(
    scores.map(async (source): Promise<Observed> => {
      const ofTexts = partnerOf(source, continuations, 'continuations');
      const ofLosses = partnerOf(source, losses, 'losses');
      const texts = ofTexts && (await readTokens(ofTexts));
      const read = ofLosses && (await readLosses(ofLosses));
      return {
        axes: source.axes,
        grid: await readScoreGrid(source.path, source.ref),
        ...(texts && { tokens: texts }),
        ...(read && { losses: read }),
      };
    }),
  );
}

function partnerOf(
  source: InputArtifact,
  others: readonly InputArtifact[] | undefined,
  what: string,
): InputArtifact | undefined {
  if (others === undefined) return undefined;
  const found = others.find((other) => axesText(other) === axesText(source));
  if (found !== undefined) return found;
  throw new UserError(
    'ids',
    `there are no ${what} for the scores ${axesText(source)}`,
    'Scores and what belongs to them must be collected over the same axes.',
  );
}

async function readTokens(source: InputArtifact): Promise<Observed['tokens'] & {}> {
  const rows = await readRows(source.path, CONTINUATIONS, {
    columns: ['prompt_id', 'token_ids'],
    what: source.ref ?? 'the continuations',
  });
  const byPrompt = groupBy(rows, ({ prompt_id }) => prompt_id);
  return new Map([...byPrompt].map(([id, group]) => [id, group.map(({ token_ids }) => token_ids)]));
}

async function readLosses(source: InputArtifact): Promise<Observed['losses'] & {}> {
  const rows = await readRows(source.path, LOSSES, {
    columns: ['prompt_id', 'tokens', 'nll'],
    what: source.ref ?? 'the losses',
  });
  return new Map(rows.map((row) => [row.prompt_id, row]));
}

/** Brings replicates together: runs that differ on the axes `over` alone. */
export function settingsOf(runs: readonly Observed[], over: readonly string[]): Setting[] {
  const without = ({ axes }: Observed): JsonObject =>
    Object.fromEntries(Object.entries(axes).filter(([name]) => !over.includes(name)));
  const groups = groupBy(runs, (run) => axesText({ axes: without(run) }));
  return [...groups.values()].map((group) => ({ axes: without(group[0]!), runs: group }));
}

/** Refuses what cannot be compared: EMT grows with k, and another scorer gives other numbers. */
export function requireAlike(runs: readonly Observed[]): void {
  const [first] = runs;
  for (const { axes, grid } of runs) {
    const differ =
      grid.k !== first!.grid.k
        ? `${grid.k} continuations a prompt, not ${first!.grid.k}`
        : grid.scorers.join() !== first!.grid.scorers.join()
          ? `scores by ${grid.scorers.join(', ') || 'an unnamed scorer'}, not ${first!.grid.scorers.join(', ') || 'an unnamed one'}`
          : undefined;
    if (differ === undefined) continue;
    throw new UserError(
      'input',
      `${axesText({ axes })} has ${differ}, as ${axesText(first!)} has`,
      'Behaviour can be compared at one k, by one scorer, on the same prompts only.',
    );
  }
}
