import { createReadStream } from 'node:fs';
import { UserError } from '@sonde/base';
import { type ScoreOutcome, type Scorer, scoreBatches, scorerLabel } from '@sonde/scoring';
import { readTableParts, stringColumn } from '@sonde/tables';
import { count } from '../format.ts';
import { openNamedScorer, type ScorerOptions } from '../scorer.ts';
import { jsonText, openTerminal, type Terminal, visible } from '../terminal.ts';

interface ScoreOptions extends ScorerOptions {
  readonly column: string;
}

/** What is said of a text, or of its absence. */
type Said = ScoreOutcome | { readonly outcome: 'no_text' };

const TABLE = /\.(parquet|jsonl|ndjson|json|csv|tsv)$/i;

/** `sonde score`. */
export async function score(named: string, file: string, options: ScoreOptions): Promise<void> {
  const terminal = openTerminal(options);
  const scorer = await openNamedScorer(named, options, terminal);
  try {
    if (scorer.columns !== undefined) {
      const { kind } = scorer.identity;
      throw new UserError('usage', `a scorer of kind ${kind} reads columns of a table, and is given texts alone here`);
    }
    const show = options.json ? jsonLine(scorer, terminal) : tableRow(scorer, terminal);
    const counts = { texts: 0, scored: 0 };
    if (file === '-' && process.stdin.isTTY) terminal.note('One text a line; Ctrl-D ends.');
    const say = (text: string | null, said: Said): void => {
      show(text, said);
      counts.texts += 1;
      counts.scored += 'scores' in said ? 1 : 0;
    };
    for await (const texts of textsOf(file, options.column)) {
      let at = 0;
      const sayMissing = (): void => {
        for (; texts[at] === null; at++) say(null, { outcome: 'no_text' });
      };
      const there = texts.filter((text) => text !== null);
      for await (const outcomes of scoreBatches(scorer, there)) {
        for (const outcome of outcomes) {
          sayMissing();
          say(texts[at++]!, outcome);
        }
      }
      sayMissing();
    }
    const missing = counts.texts - counts.scored;
    terminal.note(
      `${count(counts.texts, 'text')} by ${scorerLabel(scorer.identity)}${missing > 0 ? `, ${missing} without a score` : ''}`,
    );
  } finally {
    await scorer.close?.();
  }
}

/** Texts as they come, null where a table has none: what has arrived of a pipe is scored before more is asked for. */
async function* textsOf(file: string, column: string): AsyncGenerator<readonly (string | null)[]> {
  if (file === '-') yield* linesOf(process.stdin);
  else if (TABLE.test(file)) {
    for await (const part of readTableParts(file, { columns: [column] })) {
      yield stringColumn(part, column);
    }
  } else yield* linesOf(createReadStream(file));
}

async function* linesOf(stream: AsyncIterable<Buffer | string>): AsyncGenerator<readonly string[]> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of stream) {
    const lines = (rest + (typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true }))).split('\n');
    rest = lines.pop()!;
    if (lines.length > 0) yield lines.map(withoutReturn);
  }
  rest += decoder.decode();
  if (rest !== '') yield [withoutReturn(rest)];
}

function withoutReturn(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line;
}

function jsonLine({ attributes }: Scorer, terminal: Terminal) {
  return (text: string | null, item: Said): void => {
    const scores = 'scores' in item ? item.scores : undefined;
    const detail = 'detail' in item && item.detail !== undefined ? { detail: item.detail } : {};
    const named = scores && Object.fromEntries(attributes.map((attribute, i) => [attribute, scores[i] ?? null]));
    terminal.out(jsonText({ text, outcome: item.outcome, scores: named ?? null, ...detail }));
  };
}

function tableRow({ attributes }: Scorer, terminal: Terminal) {
  const widths = attributes.map((attribute) => Math.max(attribute.length, 5));
  let headed = false;
  return (text: string | null, item: Said): void => {
    if (!headed)
      terminal.out([...attributes.map((name, i) => name.padStart(widths[i]!)), 'outcome  ', 'text'].join('  '));
    headed = true;
    const cells = attributes.map((_, i) => {
      const value = 'scores' in item ? item.scores[i] : null;
      return (value === null || value === undefined ? '–' : value.toFixed(3)).padStart(widths[i]!);
    });
    terminal.out([...cells, item.outcome.padEnd(9), text === null ? '–' : shown(text)].join('  '));
  };
}

const LONGEST = 200;

/** A text on one line, without what a terminal would obey. */
function shown(text: string): string {
  const cut = text.length > LONGEST ? `${text.slice(0, LONGEST).replace(/\p{Surrogate}$/u, '')}…` : text;
  return visible(cut);
}
