import { isAlias, isMap, isPair, isScalar, isSeq, type Node, type ParsedNode, parseDocument } from 'yaml';
import type { Problems } from '../diagnostics/problems.ts';
import type { Located, LocatedEntry, LocatedMap, Range, Source } from '../values/located.ts';
import { lineOf } from './positions.ts';
import { tooManyValues, wearsOutParser } from './yaml-bounds.ts';
import { numberProblem } from './yaml-numbers.ts';

export const MAX_MEBIBYTES = 64;
export const MAX_BYTES = MAX_MEBIBYTES * 1024 * 1024;
const MAX_DEPTH = 64;
const MAX_ALIASED_VALUES = 100_000;
/** Characters of text that aliases bring. */
const MAX_ALIASED_TEXT = 64 * 1024 * 1024;
const MAX_SYNTAX_ERRORS = 20;
/** Lines that are looked at where the whole text cannot be parsed. */
const EARLY_LINES = 100;

/**
 * Reads YAML 1.2 (core schema) into located values. Undefined where the text is no YAML or is empty; whatever is wrong
 * is in `problems`. Never throws, whatever the text.
 */
export function readYaml(source: Source, problems: Problems, offset = 0): Located | undefined {
  const range = (start: number, end: number): Range => ({ file: source, start, end: Math.max(start, end) });
  const whole = range(
    0,
    Math.min(source.text.length, source.text.indexOf('\n') === -1 ? source.text.length : source.text.indexOf('\n')),
  );
  if (Buffer.byteLength(source.text) > MAX_BYTES) {
    problems.error('SND102', whole, `the file is larger than ${MAX_MEBIBYTES} MiB`);
    return undefined;
  }
  if (wearsOutParser(source.text)) {
    problems.error(
      'SND102',
      whole,
      'the file nests too deeply, or has long runs of YAML markers that no pipeline needs',
    );
    return undefined;
  }
  const tooMany = tooManyValues(source.text);
  if (tooMany !== undefined) {
    problems.error('SND102', whole, tooMany, 'long lists belong into a table that the steps read');
    return undefined;
  }
  // A value given on the command line is parsed in place, so that its ranges point into the whole text.
  const text = offset === 0 ? source.text : ' '.repeat(offset) + source.text.slice(offset);
  const document = parse(text);
  const faults = document === undefined ? earlyFaults(text) : faultsOf(document);
  report(faults, source, problems);
  if (document === undefined && faults.length === 0)
    problems.error('SND102', whole, `the file nests deeper than ${MAX_DEPTH} levels`);
  if (document === undefined || faults.length > 0 || document.contents === null) return undefined;
  return convert(document.contents as ParsedNode, range, problems);
}

type Parsed = ReturnType<typeof parseDocument>;
type Fault = Parsed['errors'][number] | Parsed['warnings'][number];

/** Undefined where the parser recurses without end: in text that nests too deeply, or is indented wrongly for long. */
function parse(text: string): Parsed | undefined {
  const { stackTraceLimit } = Error;
  // The parser makes an error for every token that it does not expect: with a stack each, that is most of the time.
  Error.stackTraceLimit = 0;
  try {
    return parseDocument(text, {
      version: '1.2',
      schema: 'core',
      merge: false,
      uniqueKeys: false,
      prettyErrors: false,
      // `silent` would also hide that a second document follows.
      logLevel: 'error',
    });
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

function faultsOf({ errors, warnings }: Parsed): readonly Fault[] {
  return [...errors, ...warnings.filter((warning) => warning.code === 'TAG_RESOLVE_FAILED')];
}

/** What is wrong in the first lines of a text that cannot be parsed whole. */
function earlyFaults(text: string): readonly Fault[] {
  const lines = text.split('\n', EARLY_LINES).join('\n');
  const document = parse(lines);
  // What is open where the lines are cut off is no fault.
  return document === undefined ? [] : faultsOf(document).filter(({ pos }) => pos[0] < lines.length);
}

function report(faults: readonly Fault[], file: Source, problems: Problems): void {
  const lines = new Set<number>();
  for (const { pos, code, message } of faults.toSorted((a, b) => a.pos[0] - b.pos[0])) {
    const start = Math.min(pos[0], file.text.length);
    const { line, lineStart } = lineOf(file, start);
    if (lines.has(line) || lines.size >= MAX_SYNTAX_ERRORS) continue;
    lines.add(line);
    const here: Range = { file, start, end: Math.max(start, Math.min(pos[1], file.text.length)) };
    if (message.includes('call stack'))
      problems.error('SND102', here, `the file nests deeper than ${MAX_DEPTH} levels`);
    else if (code === 'TAG_RESOLVE_FAILED') problems.error('SND111', here, 'YAML tags are not taken');
    else problems.error('SND101', here, syntaxMessage(code, message), syntaxHint(file.text, lineStart, code));
  }
}

function syntaxMessage(code: string, message: string): string {
  if (code === 'TAB_AS_INDENT') return 'a tab cannot indent YAML: use spaces';
  if (code === 'MULTIPLE_DOCS') return 'a file holds one document: `---` stands a second time';
  const first = message.split('\n')[0] ?? message;
  return `not YAML: ${first.charAt(0).toLowerCase()}${first.slice(1)}`;
}

function syntaxHint(text: string, lineStart: number, code: string): string | undefined {
  const end = text.indexOf('\n', lineStart);
  const line = text.slice(lineStart, end === -1 ? undefined : end);
  const at = line.indexOf('${{');
  if (at > 0 && /[[{,]/.test(line.slice(0, at)) && !/["']/.test(line[at - 1] ?? '')) {
    return 'inside `{ }` or `[ ]` an expression must be quoted: "${{ … }}"';
  }
  return code === 'TAB_AS_INDENT' ? 'indent with two spaces' : undefined;
}

function convert(
  contents: ParsedNode,
  range: (start: number, end: number) => Range,
  problems: Problems,
): Located | undefined {
  const anchors = new Map<string, { readonly value: Located; readonly size: number; readonly text: number } | 'open'>();
  let aliased = 0;
  let size = 0;
  let aliasedText = 0;
  let textSize = 0;

  const rangeOf = (node: Node | null | undefined, at: Range): Range =>
    node?.range === null || node?.range === undefined ? at : range(node.range[0], node.range[1]);
  const broken = (at: Range): Located => ({ type: 'broken', range: at });

  const visit = (node: Node | null, at: Range, depth: number): Located => {
    const here = rangeOf(node, at);
    size++;
    if (node === null) return { type: 'scalar', value: null, range: here };
    if (depth > MAX_DEPTH) {
      problems.error('SND102', here, `the file nests deeper than ${MAX_DEPTH} levels`);
      return broken(here);
    }
    if (isAlias(node)) {
      const target = anchors.get(node.source);
      if (target === undefined || target === 'open') {
        const reason = target === 'open' ? 'the value would contain itself' : 'no value before has this anchor';
        problems.error('SND101', here, `\`*${node.source}\` cannot be resolved: ${reason}`);
        return broken(here);
      }
      aliased += target.size;
      size += target.size;
      aliasedText += target.text;
      textSize += target.text;
      if (aliasedText > MAX_ALIASED_TEXT) {
        problems.error('SND102', here, `aliases bring more than ${MAX_ALIASED_TEXT} characters of text`);
        return broken(here);
      }
      if (aliased > MAX_ALIASED_VALUES) {
        problems.error('SND102', here, `aliases bring more than ${MAX_ALIASED_VALUES} values`);
        return broken(here);
      }
      return { ...target.value, use: here };
    }
    const anchor = 'anchor' in node ? node.anchor : undefined;
    if (anchor !== undefined) anchors.set(anchor, 'open');
    const before = size;
    const textBefore = textSize;
    const value = isMap(node) ? map(node, here, depth) : isSeq(node) ? sequence(node, here, depth) : scalar(node, here);
    if (anchor !== undefined) anchors.set(anchor, { value, size: size - before + 1, text: textSize - textBefore });
    return value;
  };

  const sequence = (node: Node, here: Range, depth: number): Located => {
    if (!isSeq(node)) return broken(here);
    const items = node.items.map((item) =>
      // `[a: 1]` is a map with one key.
      isPair(item) ? broken(here) : visit(item as Node | null, range(here.start, here.start + 1), depth + 1),
    );
    return { type: 'list', items, range: here };
  };

  const map = (node: Node, here: Range, depth: number): Located => {
    const entries = new Map<string, LocatedEntry>();
    if (!isMap(node)) return broken(here);
    for (const pair of node.items) {
      const keyRange = rangeOf(pair.key as Node | null, range(here.start, here.start + 1));
      const value = visit(pair.value as Node | null, range(keyRange.end, keyRange.end), depth + 1);
      const key = isScalar(pair.key) ? pair.key.value : undefined;
      if (typeof key !== 'string') {
        problems.error('SND111', keyRange, 'a key must be text', 'put it in quotes');
        continue;
      }
      if (key === '<<' && isScalar(pair.key) && pair.key.type === 'PLAIN') {
        problems.error(
          'SND111',
          keyRange,
          'merge keys (`<<`) are not part of YAML 1.2',
          'write the keys out, or make them a parameter',
        );
        continue;
      }
      if (key === '$' || key === '__proto__') {
        problems.error('SND111', keyRange, `\`${key}\` cannot be a key`);
        continue;
      }
      const earlier = entries.get(key);
      if (earlier !== undefined) {
        const { line } = lineOf(keyRange.file, earlier.keyRange.start);
        problems.error('SND105', keyRange, `\`${key}\` is given twice`, `it is first given in line ${line}`);
        continue;
      }
      entries.set(key, { keyRange, value });
    }
    return { type: 'map', entries, range: here };
  };

  const scalar = (node: Node, here: Range): Located => {
    const value = isScalar(node) ? node.value : undefined;
    if (typeof value === 'string') textSize += value.length;
    if (value === null || typeof value === 'string' || typeof value === 'boolean')
      return { type: 'scalar', value, range: here };
    if (typeof value !== 'number') {
      problems.error('SND111', here, 'only text, numbers, true, false, null, lists and maps are taken');
      return broken(here);
    }
    const refused = numberProblem(value, isScalar(node) ? (node.source ?? '') : '');
    if (refused !== undefined) {
      problems.error('SND111', here, refused.message, refused.hint);
      return broken(here);
    }
    return { type: 'scalar', value: value === 0 ? 0 : value, range: here };
  };

  return visit(contents, range(0, 0), 0);
}

/** Reads a file whose top is a map; anything else is a diagnostic. */
export function readYamlMap(source: Source, problems: Problems, what: string): LocatedMap | undefined {
  const before = problems.errorCount();
  const root = readYaml(source, problems);
  const start: Range = { file: source, start: 0, end: 0 };
  if (root === undefined || (root.type === 'scalar' && root.value === null)) {
    if (problems.errorCount() === before) problems.error('SND112', start, `the file is empty; expected ${what}`);
    return undefined;
  }
  if (root.type !== 'map') {
    if (root.type !== 'broken') {
      const { lineStart } = lineOf(source, root.range.start);
      const lineEnd = source.text.indexOf('\n', lineStart);
      const end = Math.min(root.range.end, lineEnd === -1 ? source.text.length : lineEnd);
      problems.error(
        'SND107',
        { ...root.range, end },
        `expected ${what} at the top, found ${root.type === 'list' ? 'a list' : 'text'}`,
      );
    }
    return undefined;
  }
  return root;
}
