import { UserError } from '@sonde/base';
import { type ConfigSchema, nearest, type StepKindSpec } from '@sonde/pipeline';
import { stepKinds } from '../api.ts';
import { checkConsent, type ModuleOptions } from '../pipeline.ts';
import { alignColumns, openTerminal, printJson, type Terminal, wrapParts, wrapText } from '../terminal.ts';

function typeText(schema: ConfigSchema): string {
  if (schema.artifact !== undefined) return schema.artifact.types.join('|') + (schema.artifact.many ? ' …' : '');
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (Array.isArray(schema.enum)) return schema.enum.map((value) => JSON.stringify(value)).join('|');
  if (Array.isArray(schema.oneOf)) {
    const alternatives = schema.oneOf as ConfigSchema[];
    const plain = alternatives.filter((one) => kindOf(one) === undefined).map(typeText);
    const kinds = alternatives.map(kindOf).filter((kind) => kind !== undefined);
    return [...plain, ...(kinds.length > 0 ? [`{ kind: ${kinds.join('|')} }`] : [])].join(' or ');
  }
  if (schema.type === 'array')
    return `list of ${schema.items === undefined ? 'values' : typeText(schema.items as ConfigSchema)}`;
  return String(schema.type ?? 'any');
}

/** The word by which an object is told from the others that may stand in its place. */
function kindOf({ properties }: ConfigSchema): string | undefined {
  const word = properties?.kind?.const;
  return typeof word === 'string' ? word : undefined;
}

function rangeText(schema: ConfigSchema): string {
  const parts = [];
  if (schema.minimum !== undefined) parts.push(`≥ ${schema.minimum}`);
  if (schema.exclusiveMinimum !== undefined) parts.push(`> ${schema.exclusiveMinimum}`);
  if (schema.maximum !== undefined) parts.push(`≤ ${schema.maximum}`);
  if (schema.exclusiveMaximum !== undefined) parts.push(`< ${schema.exclusiveMaximum}`);
  return parts.join(', ');
}

/** Where a type, or a list of values, may go on in another line. */
function breakable(text: string): string[] {
  return text.split(/(?<=[ |,])/);
}

/** Where a schema's own keys may stand: in it, in its items, in its alternatives. */
function partsOf(schema: ConfigSchema): ConfigSchema[] {
  return [
    schema,
    ...(schema.items === undefined ? [] : [schema.items as ConfigSchema]),
    ...((schema.oneOf as ConfigSchema[] | undefined) ?? []),
  ];
}

/** The keys of a config, what each takes, and below it what it is for. */
function configLines(schema: ConfigSchema, indent: string, terminal: Terminal): string[] {
  const required = new Set((schema.required as readonly string[] | undefined) ?? []);
  const { bold, dim, cyan } = terminal.colors;
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const usual = property.default ?? property.implied;
    const facts = [
      rangeText(property),
      usual === undefined ? '' : `default ${JSON.stringify(usual)}`,
      required.has(name) ? 'required' : '',
    ];
    const described = property.description === undefined ? [] : [String(property.description)];
    const heading = [
      ...breakable(typeText(property)).map(cyan),
      '  ',
      ...breakable(facts.filter(Boolean).join('; ')).map(dim),
    ];
    return [
      ...wrapParts(heading, `${indent}${bold(name)}  `, `${indent}    `),
      ...described.flatMap((text) => wrapText(text, `${indent}    `)),
      ...partsOf(property).flatMap((part) => partLines(part, `${indent}  `, terminal)),
    ];
  });
}

/** The keys of a part; those of one kind among several stand below what it is. */
function partLines(part: ConfigSchema, indent: string, terminal: Terminal): string[] {
  const kind = kindOf(part);
  if (kind === undefined) return configLines(part, indent, terminal);
  const { kind: _, ...properties } = part.properties!;
  const described = part.description === undefined ? [] : wrapText(String(part.description), `${indent}  `);
  const lines = configLines({ ...part, properties }, `${indent}  `, terminal);
  return [`${indent}${terminal.colors.bold(`kind: ${kind}`)}`, ...described, ...lines];
}

function printKind(kind: StepKindSpec, terminal: Terminal): void {
  const { bold, cyan, dim } = terminal.colors;
  terminal.out(`${bold(kind.kind)}  ${dim(`revision ${kind.revision}`)}`);
  for (const line of wrapText(kind.summary, '')) terminal.out(line);
  terminal.out('\nwith:');
  for (const line of configLines(kind.config, '  ', terminal)) terminal.out(line);
  terminal.out('\noutputs:');
  const outputs = Object.entries(kind.outputs);
  if (outputs.length === 0) terminal.out('  as its config says');
  for (const [name, { type, description }] of outputs) {
    terminal.out(`  ${bold(name)}  ${cyan(type)}`);
    for (const part of description.split('\n')) for (const line of wrapText(part, '      ')) terminal.out(line);
  }
}

function kindJson({ kind, revision, summary, config, outputs, runsCode }: StepKindSpec) {
  return {
    kind,
    revision,
    summary,
    config,
    outputs,
    runsCode: runsCode === true,
  };
}

/** `sonde steps`. */
export async function steps(name: string | undefined, options: ModuleOptions): Promise<void> {
  const terminal = openTerminal(options);
  checkConsent(options);
  const kinds = await stepKinds(options.module);
  if (name === undefined) {
    if (options.json) return printJson(terminal, { sonde: 1, steps: [...kinds.values()].map(kindJson) });
    for (const line of alignColumns(
      [...kinds.values()].map(({ kind, summary }) => [terminal.colors.bold(kind), summary]),
    ))
      terminal.out(line);
    return;
  }
  const kind = kinds.get(name);
  if (kind === undefined) {
    const near = nearest(name, kinds.keys());
    throw new UserError(
      'usage',
      `there is no step kind "${name}"`,
      near === undefined ? `There are: ${[...kinds.keys()].join(', ')}.` : `Did you mean ${near}?`,
    );
  }
  if (options.json) printJson(terminal, { sonde: 1, steps: [kindJson(kind)] });
  else printKind(kind, terminal);
}
