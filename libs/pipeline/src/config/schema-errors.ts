import type { ErrorObject } from 'ajv';
import type { Code } from '../diagnostics/codes.ts';
import { either, listed, nearest, suggest } from '../values/words.ts';
import { describePlain, markOf } from './artifact.ts';
import type { ConfigIssue } from './issue.ts';
import { isLater, later, withoutNoise } from './later.ts';
import { statedBy } from './schema-walk.ts';
import { issueOf, type Schema, validatorOf } from './validators.ts';

/** What the schema has against the value. In the words of the file, `oneOf` reduced to the branch that was meant. */
export function configIssues(root: Schema, value: unknown): readonly ConfigIssue[] {
  return issuesOf(root, root, value, []);
}

function issuesOf(
  schema: Schema,
  root: Schema,
  value: unknown,
  base: readonly (string | number)[],
): readonly ConfigIssue[] {
  const validate = validatorOf(schema, root);
  if (validate(value)) return [];
  const errors = [...(validate.errors ?? [])];
  const branchErrors = new Set<ErrorObject>();
  errors.forEach((error, at) => {
    if (error.keyword !== 'oneOf' && error.keyword !== 'anyOf' && error.keyword !== 'not') return;
    for (const earlier of errors.slice(0, at)) {
      const inside = earlier.schemaPath.startsWith(`${error.schemaPath}/`);
      // A `$ref` inside a branch starts the schema path anew.
      const byRef =
        earlier.instancePath.startsWith(error.instancePath) &&
        !earlier.schemaPath.startsWith('#/properties') &&
        earlier.schemaPath.startsWith('#/$defs');
      if (inside || byRef) branchErrors.add(earlier);
    }
  });
  return withoutNoise(errors.flatMap((error) => (branchErrors.has(error) ? [] : explain(error, root, value, base))));
}

function pathOf(pointer: string, value: unknown): (string | number)[] {
  const path: (string | number)[] = [];
  let at: unknown = value;
  for (const raw of pointer.split('/').slice(1)) {
    const part = raw.replaceAll('~1', '/').replaceAll('~0', '~');
    path.push(Array.isArray(at) ? Number(part) : part);
    at = typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[part] : undefined;
  }
  return path;
}

function showPath(path: readonly (string | number)[]): string {
  return path.reduce<string>(
    (text, part) => (typeof part === 'number' ? `${text}[${part}]` : text === '' ? part : `${text}.${part}`),
    '',
  );
}

const TYPES: Readonly<Record<string, string>> = { array: 'list', object: 'map' };

function typesOf(types: unknown): readonly string[] {
  return (Array.isArray(types) ? types : [types]).map((type) => TYPES[String(type)] ?? String(type));
}

function showValue(value: unknown): string {
  return typeof value === 'string' ? `\`${value}\`` : JSON.stringify(value);
}

function plural(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

function explain(
  error: ErrorObject,
  root: Schema,
  whole: unknown,
  base: readonly (string | number)[],
): readonly ConfigIssue[] {
  const path = [...base, ...pathOf(error.instancePath, whole)];
  const name = showPath(path);
  const said = name === '' ? '' : `\`${name}\`: `;
  const params = error.params as Readonly<Record<string, unknown>>;
  const parent = (error.parentSchema ?? {}) as Schema;
  const issue = (code: Code, message: string, more: Partial<ConfigIssue> = {}): readonly ConfigIssue[] => [
    { path, key: false, code, message, ...more },
  ];
  if (error.propertyName !== undefined && error.keyword !== 'propertyNames') return [];
  const found = describePlain(error.data);
  const misplaced = markOf(error.data)?.type === 'reference';

  switch (error.keyword) {
    case 'type': {
      const expected = typesOf(params.type);
      if (misplaced) {
        return issue('SND145', `${said}a step's output cannot stand here; expected ${either(expected)}`, { expected });
      }
      return issue('SND107', `${said}expected ${either(expected)}, found ${found}`, { expected });
    }
    case 'artifact': {
      const { code, message, hint } = issueOf(error);
      const extra = code === 'SND107' ? { expected: [message.slice('expected '.length).split(' (')[0] ?? 'data'] } : {};
      return issue(code, `${said}${message}`, { ...(hint === undefined ? {} : { hint }), ...extra });
    }
    case 'required': {
      const missing = String(params.missingProperty);
      const schema = (parent.properties as Record<string, Schema> | undefined)?.[missing];
      const description = schema === undefined ? undefined : statedBy(schema, root, 'description');
      return issue('SND106', `\`${showPath([...path, missing])}\` is missing`, {
        key: true,
        ...(typeof description === 'string' ? { hint: description } : {}),
      });
    }
    case 'dependentRequired':
      return issue(
        'SND106',
        `\`${showPath([...path, String(params.missingProperty)])}\` is missing; \`${String(params.property)}\` needs it`,
        { key: true },
      );
    case 'additionalProperties':
    case 'unevaluatedProperties': {
      const key = String(params.additionalProperty ?? params.unevaluatedProperty);
      if (isLater(parent, key)) return [later([...path, key], true, showPath([...path, key]))];
      const known = Object.keys((parent.properties as object | undefined) ?? {});
      return [
        {
          path: [...path, key],
          key: true,
          code: 'SND104',
          message: `unknown key \`${key}\`${name === '' ? '' : ` in \`${name}\``}`,
          hint: suggest(key, known, 'keys'),
        },
      ];
    }
    case 'propertyNames': {
      const key = String(params.propertyName);
      return [{ path: [...path, key], key: true, code: 'SND109', message: `\`${key}\` cannot be a name here` }];
    }
    case 'enum':
    case 'const': {
      if (isLater(parent, error.data)) return [later(path, false, `${name}: ${String(error.data)}`)];
      const allowed = error.keyword === 'enum' ? (params.allowedValues as readonly unknown[]) : [params.allowedValue];
      return [notAllowed(path, said, allowed, error.data)];
    }
    case 'minimum':
      return issue('SND108', `${said}must be ${String(params.limit)} or more, found ${found}`);
    case 'maximum':
      return issue('SND108', `${said}must be ${String(params.limit)} or less, found ${found}`);
    case 'exclusiveMinimum':
      return issue('SND108', `${said}must be more than ${String(params.limit)}, found ${found}`);
    case 'exclusiveMaximum':
      return issue('SND108', `${said}must be less than ${String(params.limit)}, found ${found}`);
    case 'multipleOf':
      return issue('SND108', `${said}must be a multiple of ${String(params.multipleOf)}, found ${found}`);
    case 'minLength':
      return issue('SND108', `${said}must have at least ${plural(Number(params.limit), 'character')}, found ${found}`);
    case 'maxLength':
      return issue('SND108', `${said}must have at most ${plural(Number(params.limit), 'character')}, found ${found}`);
    case 'pattern':
      return issue('SND108', `${said}${found} is not of the form ${String(params.pattern)}`);
    case 'minItems':
      return issue(
        'SND108',
        `${said}needs at least ${plural(Number(params.limit), 'item')}, found ${(error.data as readonly unknown[]).length}`,
      );
    case 'maxItems':
      return issue(
        'SND108',
        `${said}takes at most ${plural(Number(params.limit), 'item')}, found ${(error.data as readonly unknown[]).length}`,
      );
    case 'uniqueItems':
      return [
        {
          path: [...path, Number(params.i)],
          key: false,
          code: 'SND108',
          message: `${said}the list has ${showValue((error.data as readonly unknown[])[Number(params.i)])} twice`,
        },
      ];
    case 'minProperties':
      return issue('SND108', `${said}needs at least ${plural(Number(params.limit), 'key')}`);
    case 'maxProperties':
      return issue('SND108', `${said}takes at most ${plural(Number(params.limit), 'key')}`);
    case 'oneOf':
    case 'anyOf':
      return closest(error.schema as readonly Schema[], root, error.data, path, said, error);
    case 'if':
      return [];
    case 'false schema':
      return issue('SND104', `${said}cannot be given here`, { key: true });
    default:
      return issue('SND108', `${said}is not allowed here (${error.keyword})`);
  }
}

function notAllowed(
  path: readonly (string | number)[],
  said: string,
  allowed: readonly unknown[],
  data: unknown,
): ConfigIssue {
  const near =
    typeof data === 'string'
      ? nearest(
          data,
          allowed.filter((word) => typeof word === 'string'),
        )
      : undefined;
  const expected = allowed.map(showValue);
  return {
    path,
    key: false,
    code: 'SND108',
    message: `${said}expected ${expected.length === 1 ? expected[0] : `one of ${listed(allowed.map(String))}`}, found ${describePlain(data)}`,
    ...(near === undefined ? {} : { hint: `did you mean \`${near}\`?` }),
    expected,
    allowed,
  };
}

/** Of the branches of a `oneOf`, the problems of the one that was most likely meant. */
function closest(
  branches: readonly Schema[],
  root: Schema,
  data: unknown,
  path: readonly (string | number)[],
  said: string,
  error: ErrorObject,
): readonly ConfigIssue[] {
  const tried = branches.map((branch) => issuesOf(branch, root, data, path));
  if (tried.some((issues) => issues.length === 0)) {
    return [
      {
        path,
        key: false,
        code: 'SND108',
        message: `${said}fits more than one of the forms allowed here (${error.keyword})`,
      },
    ];
  }
  const here = (issue: ConfigIssue): boolean => issue.path.length === path.length && issue.expected !== undefined;
  const possible = tried.filter((issues) => !issues.some(here));
  if (possible.length === 0) {
    const all = tried.flat().filter(here);
    const words = all.flatMap((issue) => issue.allowed ?? []);
    const near =
      typeof data === 'string'
        ? nearest(
            data,
            words.filter((word) => typeof word === 'string'),
          )
        : undefined;
    const expected = [...new Set(all.flatMap((issue) => issue.expected ?? []))];
    const reference = all.find((issue) => issue.code !== 'SND107' && issue.code !== 'SND108');
    const code =
      reference?.code ?? (all.some((issue) => issue.code === 'SND108') && words.length > 0 ? 'SND108' : 'SND107');
    return [
      {
        path,
        key: false,
        code,
        message: `${said}expected ${either(expected)}, found ${describePlain(data)}`,
        ...(near === undefined ? {} : { hint: `did you mean \`${near}\`?` }),
        expected,
      },
    ];
  }
  // Branches told apart by a word (`kind: bypass`): the word decides, not the number of problems.
  const word = (issues: readonly ConfigIssue[]): ConfigIssue | undefined =>
    issues.find((issue) => issue.allowed !== undefined && issue.path.length === path.length + 1);
  const fitting = possible.filter((issues) => word(issues) === undefined);
  if (fitting.length === 0) {
    const wrong = possible.map(word).filter((issue) => issue !== undefined);
    const [first] = wrong;
    if (first !== undefined && wrong.every((issue) => showPath(issue.path) === showPath(first.path))) {
      const value = (data as Record<string, unknown>)[String(first.path.at(-1))];
      return [
        notAllowed(
          first.path,
          `\`${showPath(first.path)}\`: `,
          [...new Set(wrong.flatMap((issue) => issue.allowed ?? []))],
          value,
        ),
      ];
    }
  }
  const best = (fitting.length > 0 ? fitting : possible).reduce((a, b) => (b.length < a.length ? b : a));
  return best;
}
