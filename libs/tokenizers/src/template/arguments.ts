import { TemplateError } from './errors.ts';
import type { Value } from './values.ts';

export type Kwargs = ReadonlyMap<string, Value>;

/**
 * The arguments of a function by the names of its parameters; undefined where one is not given.
 * @throws TemplateError for more of them, or others
 */
export function bind<Name extends string>(
  what: string,
  names: readonly Name[],
  args: readonly Value[],
  kwargs: Kwargs,
): Partial<Record<Name, Value>> {
  if (args.length > names.length) throw new TemplateError(`${what} takes no more than ${names.length} arguments`);
  const bound: Partial<Record<Name, Value>> = {};
  for (const [i, arg] of args.entries()) bound[names[i]!] = arg;
  for (const [name, value] of kwargs) {
    const known = names.find((each) => each === name);
    if (known === undefined || bound[known] !== undefined)
      throw new TemplateError(`${what} takes no argument "${name}" here`);
    bound[known] = value;
  }
  return bound;
}
