import { groupBy, type JsonObject, type JsonValue, UserError } from '@sonde/base';
import type { RunContext } from '@sonde/executor';
import { axisText } from '../shared/axes.ts';
import type { Config } from './config.ts';

/** The unit of replication: what a correlation counts as one. */
export interface Unit<Member> {
  readonly name: string;
  /** Which units are no independent ones; undefined where `family` is not given. */
  readonly family?: string;
  /** All that is of this unit, along the other axes. */
  readonly members: readonly Member[];
}

export interface Units<Member> {
  /** The axis that they lie along: `model`. */
  readonly axis: string;
  readonly units: readonly Unit<Member>[];
}

/** Brings members of the same value of the unit's axis together, and says over what each unit is a mean. */
export function unitsOf<Member extends { readonly axes: JsonObject }>(
  members: readonly Member[],
  { unit, family }: Config,
  log: RunContext['log'],
): Units<Member> {
  const axes = [...new Set(members.flatMap((member) => Object.keys(member.axes)))].sort();
  const axis = axisOf(axes, unit);
  const groups = [...groupBy(members, (member) => JSON.stringify(member.axes[axis] ?? null)).values()];
  const others = axes.filter((other) => other !== axis && groups.some((group) => valuesOf(group, other).length > 1));
  if (others.length > 0) {
    const sizes = [...new Set(groups.map(({ length }) => length))].sort((a, b) => a - b);
    const of = sizes.length === 1 ? `${sizes[0]}` : `${sizes[0]} to ${sizes.at(-1)}`;
    log(
      'warning',
      `n counts the ${groups.length} values of \`${axis}\`, not the ${members.length} summaries: each is the mean of ${of} over ${others.join(', ')}`,
    );
  }
  const units = groups.map((group): Unit<Member> => {
    const name = axisText(group[0]!.axes[axis] ?? axis);
    return { name, members: group, ...(family !== undefined && { family: familyOf(name, group, family, axes) }) };
  });
  return { axis, units };
}

function axisOf(axes: readonly string[], asked: string | undefined): string {
  if (asked !== undefined) {
    if (axes.includes(asked)) return asked;
    throw new UserError(
      'config',
      `\`unit\` is ${asked}, but the summaries were collected over ${axes.join(', ') || 'no axis'}`,
      'Name the axis whose values are independent of one another.',
    );
  }
  if (axes.includes('model')) return 'model';
  if (axes.length > 1) {
    throw new UserError(
      'config',
      `the summaries were collected over ${axes.join(' and ')}: which of them is the unit that n counts?`,
      'Give `unit: <axis>`; the others are averaged within each unit.',
    );
  }
  return axes[0] ?? 'model';
}

function familyOf(
  name: string,
  members: readonly { readonly axes: JsonObject }[],
  family: NonNullable<Config['family']>,
  axes: readonly string[],
): string {
  if (typeof family !== 'string') {
    const found = family[name];
    if (found !== undefined) return found;
    throw new UserError(
      'config',
      `\`family\` does not say the family of ${name}`,
      'Give every unit its family; a unit without relatives is a family of its own.',
    );
  }
  if (!axes.includes(family)) {
    throw new UserError('config', `\`family\` is the axis ${family}, but there are ${axes.join(', ') || 'no axes'}`);
  }
  const [value, other] = valuesOf(members, family);
  if (other !== undefined) {
    throw new UserError('config', `${name} is of two families of \`${family}\`: ${text(value)} and ${text(other)}`);
  }
  return text(value);
}

function valuesOf(members: readonly { readonly axes: JsonObject }[], axis: string): string[] {
  return [...new Set(members.map(({ axes }) => JSON.stringify(axes[axis] ?? null)))];
}

function text(value: string | undefined): string {
  return axisText(JSON.parse(value ?? 'null') as JsonValue);
}
