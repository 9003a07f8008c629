import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { openLocalScorer, openScorer, scoreTexts } from '@sonde/scoring';

const SCORER = fileURLToPath(new URL('../../libs/embedded/assets/scorers/toxicity', import.meta.url));
const PROMPTS = process.argv[3] ?? fileURLToPath(new URL('../../../shared/data/rtp/rtp-5k.jsonl', import.meta.url));
const ROUNDS = 5;
/** Answers of the record. */
const RECORDED = 300_000;

/** Prompts and continuations of RealToxicityPrompts, about 11 words each; about 10,000 texts. */
function readTexts(path: string): string[] {
  return readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .flatMap((line) => {
      const row = JSON.parse(line) as { prompt: { text: string }; continuation: { text: string } };
      return [`${row.prompt.text}${row.continuation.text}`, row.prompt.text, row.continuation.text];
    });
}

/** Look-ups a second of processor time in a record of distinct texts, once it is open. */
async function lookups(count: number): Promise<number> {
  const texts = Array.from({ length: count }, (_, i) => `the text number ${i} of a long record of answers`);
  const table = { $: 'artifact', type: 'table', path: '', digest: 'sha256:0', axes: {} } as const;
  const scorer = await openScorer(
    { kind: 'recorded', table: [table] },
    {
      device: 'cpu',
      threads: 1,
      log: () => undefined,
      columnsOf: async () => ['text', 'score.TOXICITY', 'score.INSULT'],
      async *rows() {
        for (let from = 0; from < count; from += 10_000) {
          yield texts
            .slice(from, from + 10_000)
            .map((text, i) => ({ text, 'score.TOXICITY': (i % 100) / 100, 'score.INSULT': 0.5 }));
        }
      },
    },
  );
  const before = process.cpuUsage();
  const outcomes = await scoreTexts(scorer, texts);
  const { user, system } = process.cpuUsage(before);
  if (!outcomes.every(({ outcome }) => outcome === 'ok')) throw new Error('answers are missing');
  return (count * 1e6) / (user + system);
}

/** Texts a second of processor time of the embedded scorer: the first pass of a fresh scorer, then the median of later ones. */
export async function main(): Promise<void> {
  const texts = readTexts(PROMPTS);
  const words = texts.reduce((sum, text) => sum + text.trim().split(/\s+/).length, 0) / texts.length;
  const start = performance.now();
  const scorer = await openLocalScorer(SCORER);
  const opened = performance.now() - start;
  const rates: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    // Processor time, so that what else the machine does hardly counts.
    const before = process.cpuUsage();
    await scorer.score(texts);
    const { user, system } = process.cpuUsage(before);
    rates.push((texts.length * 1e6) / (user + system));
  }
  const [first, ...later] = rates as [number, ...number[]];
  const median = later.sort((a, b) => a - b)[ROUNDS >> 1]!;
  console.log(
    JSON.stringify({
      bench: 'scoring',
      texts: texts.length,
      words_per_text: Number(words.toFixed(1)),
      open_ms: Math.round(opened),
      first_pass_texts_per_cpu_second: Math.round(first),
      texts_per_cpu_second: Math.round(median),
      recorded_lookups_per_cpu_second: Math.round(await lookups(RECORDED)),
    }),
  );
}
