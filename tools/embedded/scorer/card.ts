/**
 * Compares the embedded scorer with Perspective on held-out RealToxicityPrompts, and with raters of comments, by
 * `score/compare`: the tables of docs/embedded-scorer.md by length.
 *
 *     npm run build && npx tsx tools/embedded/scorer/card.ts [--data ../shared/data]
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { COMPARISON, type RowOf, readRows } from '@sonde/formats';
import { readTable, rows } from '@sonde/tables';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const ATTRIBUTES = ['TOXICITY', 'PROFANITY', 'THREAT', 'SEXUALLY_EXPLICIT', 'IDENTITY_ATTACK', 'INSULT'];
/** What raters called a span, by attribute; they had no word for SEXUALLY_EXPLICIT. */
const SPANS: Readonly<Record<string, string>> = {
  PROFANITY: 'Profane/Obscene',
  THREAT: 'Threat',
  IDENTITY_ATTACK: 'Identity based Attack',
  INSULT: 'Insult',
};

type Row = RowOf<typeof COMPARISON>;
type Labelled = { readonly text_id: string; readonly text: string } & Readonly<Record<string, number | string | null>>;

/** Prompts and continuations of the rows that the scorer never saw. */
function heldOut(data: string): Labelled[] {
  const lines = readFileSync(path.join(data, 'rtp', 'rtp-5k.jsonl'), 'utf8')
    .trimEnd()
    .split('\n');
  return lines.flatMap((line, row): Labelled[] => {
    if (row % 5 !== 4) return [];
    const record = JSON.parse(line) as Record<string, Record<string, number | string>>;
    return ['prompt', 'continuation'].map((part) => {
      const own = record[part]!;
      const scores = ATTRIBUTES.map((name) => [name, own[name.toLowerCase()] ?? null]);
      return { text_id: `${row} ${part}`, text: String(own.text), ...Object.fromEntries(scores) };
    });
  });
}

/** Comments with the share of their raters who found them toxic, and who marked a span of each kind. */
async function comments(data: string): Promise<Labelled[]> {
  const table = async (name: string) => [...rows(await readTable(path.join(data, 'tox', `${name}.csv`)))];
  const kinds = new Map<string, Set<string>>();
  for (const { annotation, type } of await table('spans')) {
    const marked = kinds.get(String(annotation)) ?? new Set();
    kinds.set(String(annotation), marked.add(String(type)));
  }
  const raters = new Map<string, { readonly toxic: boolean; readonly marked: ReadonlySet<string> }[]>();
  for (const row of await table('annotations')) {
    const of = raters.get(String(row.comment_id)) ?? [];
    const toxic = !/^true$/i.test(String(row['not toxic']));
    of.push({ toxic, marked: kinds.get(String(row.annotation)) ?? new Set() });
    raters.set(String(row.comment_id), of);
  }
  return (await table('comments')).flatMap(({ comment_id, comment_text }): Labelled[] => {
    const own = raters.get(String(comment_id)) ?? [];
    if (own.length === 0) return [];
    const share = (is: (rater: (typeof own)[number]) => boolean) => own.filter(is).length / own.length;
    const marks = Object.entries(SPANS).map(([name, kind]) => [name, share(({ marked }) => marked.has(kind))]);
    const text = String(comment_text);
    return [{ text_id: String(comment_id), text, TOXICITY: share(({ toxic }) => toxic), ...Object.fromEntries(marks) }];
  });
}

function step(file: string, labels: readonly string[]): string {
  const named = labels.map((name) => `${name}: ${name}`).join(', ');
  return `
  ${file}-scores: { uses: text/score, with: { scorer: embedded:toxicity, texts: ${file}.jsonl } }
  ${file}:
    uses: score/compare
    with:
      scores: \${{ steps.${file}-scores.outputs.scores }}
      reference: ${file}.jsonl
      texts: ${file}.jsonl
      labels: { ${named} }
      lengths: [8, 16, 32, 64]
      thresholds: [0.5]`;
}

function value(found: readonly Row[], attribute: string, group: string, measure: string, withInterval = false): string {
  const row = found.find((one) => one.attribute === attribute && one.group === group && one.measure === measure);
  if (row?.value == null) return '–';
  const interval = withInterval && row.low !== null ? ` (${row.low.toFixed(3)}–${row.high!.toFixed(3)})` : '';
  return `${row.value.toFixed(3)}${interval}`;
}

function print(title: string, found: readonly Row[]): void {
  const attributes = [...new Set(found.map(({ attribute }) => attribute))];
  const groups = [...new Set(found.map(({ group }) => group))];
  console.log(`\n${title}\n`);
  console.log('| attribute | AUC | Spearman | mean difference | share ≥ 0.5: reference | here |');
  for (const name of attributes) {
    const of = (measure: string, interval = false) => value(found, name, 'all', measure, interval);
    const cells = [of('auc', true), of('spearman', true), of('difference'), of('reference_share'), of('share')];
    console.log(`| ${name} | ${cells.join(' | ')} |`);
  }
  const sizes = groups.map((group) => found.find((row) => row.group === group)?.n ?? 0);
  console.log(`\n| AUC / Spearman | ${groups.map((group, i) => `${group} (${sizes[i]})`).join(' | ')} |`);
  for (const name of attributes) {
    const cells = groups.map(
      (group) => `${value(found, name, group, 'auc')} / ${value(found, name, group, 'spearman')}`,
    );
    console.log(`| ${name} | ${cells.join(' | ')} |`);
  }
}

const { values } = parseArgs({
  options: { data: { type: 'string', default: path.join(ROOT, '..', 'shared', 'data') } },
});
const folder = mkdtempSync(path.join(tmpdir(), 'sonde-card-'));
try {
  const write = (name: string, labelled: readonly Labelled[]) =>
    writeFileSync(path.join(folder, name), labelled.map((row) => `${JSON.stringify(row)}\n`).join(''));
  write('rtp.jsonl', heldOut(values.data));
  write('comments.jsonl', await comments(values.data));
  const steps = step('rtp', ATTRIBUTES) + step('comments', ['TOXICITY', ...Object.keys(SPANS)]);
  const outputs = ['rtp', 'comments'].map((name) => `  ${name}: \${{ steps.${name}.outputs.comparison }}`).join('\n');
  writeFileSync(path.join(folder, 'card.yaml'), `sonde: 1\nname: card\nsteps:${steps}\noutputs:\n${outputs}\n`);
  const cli = path.join(ROOT, 'dist', 'cli.js');
  const { status } = spawnSync(process.execPath, [cli, 'run', 'card.yaml', '--store', 'store'], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (status !== 0) throw new Error(`sonde run ended with status ${status}`);
  for (const [name, title] of [
    ['rtp', 'Held-out RealToxicityPrompts, against Perspective'],
    ['comments', 'Comments, against the share of raters'],
  ] as const) {
    print(title, await readRows(path.join(folder, 'results', 'card', `${name}.parquet`), COMPARISON));
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
