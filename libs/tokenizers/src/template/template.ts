import { TemplateError, unsupported } from './errors.ts';
import { run, Scope } from './evaluate.ts';
import { parse } from './parse.ts';
import { Callable, Dict, fromPlain, integerOf, iterate, Namespace, Range, str, type Value } from './values.ts';

/** What a template may call beside what it is given. */
const FUNCTIONS: readonly Callable[] = [
  new Callable('range', (args) => {
    const [a = 0n, b, step = 1n] = args.map((each) => BigInt(integerOf(each, 'an argument of range')));
    return b === undefined ? new Range(0n, a, 1n) : new Range(a, b, step);
  }),
  new Callable(
    'dict',
    (args, kwargs) => new Dict([...(args[0] instanceof Dict ? args[0].entries.values() : []), ...kwargs]),
  ),
  new Callable('namespace', (args, kwargs) => {
    const made = new Namespace();
    const first = args[0] instanceof Dict ? args[0].pairs : iterate(args[0] ?? []);
    for (const pair of first) {
      const [key, value] = iterate(pair);
      made.values.set(str(key ?? null), value ?? null);
    }
    for (const [name, value] of kwargs) made.values.set(name, value);
    return made;
  }),
  new Callable('raise_exception', (args) => {
    throw new TemplateError(str(args[0] ?? null));
  }),
  ...['cycler', 'joiner', 'lipsum'].map(
    (name) =>
      new Callable(name, () => {
        throw unsupported('function', name);
      }),
  ),
];

/** A template that was read. */
export interface Template {
  /**
   * @param names what it may use beside Jinja's own functions
   * @throws TemplateError where Jinja fails, or for what is not supported
   */
  render(names: Readonly<Record<string, unknown>>): string;
}

/** Reads a chat template. @throws TemplateError */
export function compile(source: string): Template {
  const body = parse(source);
  return {
    render(names) {
      const functions = FUNCTIONS.map((each): [string, Value] => [each.name, each]);
      const given = Object.entries(names).map(([name, value]): [string, Value] => [name, fromPlain(value)]);
      let text = '';
      const flow = run(body, new Scope(new Scope(null, [...functions, ...given])), (part) => {
        text += part;
      });
      if (flow !== null) throw new TemplateError(`${flow} outside a loop`);
      return text;
    },
  };
}

export { Callable };
