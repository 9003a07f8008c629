import { UserError } from '@sonde/base';
import type { Scenario, ScoredPrompt } from '@sonde/formats';
import type { Config } from './config.ts';
import { columnValues } from './prompt-column.ts';
import type { ClassOf, StepTarget } from './targets.ts';

/** More classes are taken for a mistake: an id, a text, a number that is no class. */
const MOST_CLASSES = 50;

/** The classes of a column of the prompts, and each prompt's. */
export interface Label {
  readonly name: string;
  /** In order: numbers by size, all else by code units. */
  readonly classes: readonly string[];
  /** The number of a prompt's class by its id; absent where it has none. */
  readonly classOf: ReadonlyMap<string, number>;
}

/** Reads the label columns that the config names. @throws UserError where one is not there, or holds too many values */
export async function readLabels({ labels, prompts }: Config, all: readonly ScoredPrompt[]): Promise<Label[]> {
  const read: Label[] = [];
  for (const name of labels) {
    const values = await columnValues(prompts, name, 'probe');
    const known = values.map((value) => (value === null || value === '' ? null : String(value)));
    const numbers = values.every((value) => value === null || typeof value === 'number');
    const classes = [...new Set(known.filter((value) => value !== null))].sort(
      numbers ? (a, b) => Number(a) - Number(b) : undefined,
    );
    if (classes.length > MOST_CLASSES) {
      throw new UserError(
        'input',
        `the label column ${name} has ${classes.length} values (${classes.slice(0, 3).join(', ')}, …), more than ${MOST_CLASSES} classes`,
        'A number to be predicted is a score: name its column score.<ATTRIBUTE>.',
      );
    }
    const numberOf = new Map(classes.map((value, i) => [value, i]));
    const classOf = new Map(
      all.flatMap(({ prompt_id }, i) => (known[i] == null ? [] : [[prompt_id, numberOf.get(known[i])!] as const])),
    );
    read.push({ name, classes, classOf });
  }
  return read;
}

/** A label's targets: one for two classes (or fewer), else one a class. @param promptIds of each row */
export function labelTargets(
  { name, classes, classOf }: Label,
  scenario: Scenario,
  promptIds: readonly string[],
): StepTarget[] {
  const told = classes.length > 2 ? classes : classes.slice(-1);
  const targetOf = (ofClass: ClassOf | undefined, index: number, targetName: string): StepTarget => ({
    scenario,
    name: targetName,
    values: Float64Array.from(promptIds, (id) => {
      const value = classOf.get(id);
      return value === undefined ? Number.NaN : value === index ? 1 : 0;
    }),
    ofClass,
    label: told.length > 1 ? name : undefined,
    threshold: 0.5,
  });
  // Without any value there is no class, and one target that says so.
  if (told.length === 0) return [targetOf(undefined, 0, name)];
  return told.map((value) =>
    targetOf({ value, label: name }, classes.indexOf(value), told.length > 1 ? `${name}=${value}` : name),
  );
}
